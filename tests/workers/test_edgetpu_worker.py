"""A detector worker on a software Edge TPU, by the same calls as on a real one, with every way in which it fails."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgedet.errors import AcceleratorError, EdgedetError
from edgedet.settings.model_choice import BUNDLED_MODEL
from edgedet.types import Detection, FrameStamp, ViewSize
from edgedet.workers.detector import DetectorSpec, DetectorWorker
from edgedet.workers.protocol import Limits, RawResult, detections_of
from edgedet.workers.turns import Share
from software_edgetpu.library import SoftwareEdgeTpu
from software_edgetpu.twin import Twin
from tflite_files import answering, write

LIMITS = Limits(0.25, 0.7, 300)
LABELS = ("person", "car", "bicycle", "dog")


async def ask(worker: DetectorWorker, picture: bytes, limits: Limits = LIMITS) -> RawResult:
    await worker.turn(Share())
    return await worker.submit(memoryview(picture), FrameStamp(0, 0, 0.0, 256, 256), limits)


def ignore(_error: EdgedetError) -> None:
    return


async def failing_to_open(spec: DetectorSpec) -> AcceleratorError:
    with pytest.raises(AcceleratorError) as caught:
        async with DetectorWorker(spec, ignore):
            pass
    return caught.value


async def test_what_the_edge_tpu_sees_is_what_the_cpu_sees(on_edgetpu: DetectorSpec, scene: bytes) -> None:
    on_cpu = DetectorSpec(BUNDLED_MODEL, on_edgetpu.view)
    seen: list[tuple[Detection, ...]] = []
    for spec in (on_edgetpu, on_cpu):
        async with DetectorWorker(spec, ignore) as worker:
            seen.append(detections_of((await ask(worker, scene)).boxes, LABELS))
    # int8 arithmetic rounds here and there to the other side: a step of the scores, a pixel of the boxes.
    sure = [[found for found in each if found.score >= 0.6] for each in seen]
    assert sure[1]
    for found, others in [(found, seen[1]) for found in sure[0]] + [(found, seen[0]) for found in sure[1]]:
        assert any(
            other.label == found.label
            and abs(other.box.x1 - found.box.x1) < 0.03
            and abs(other.score - found.score) < 0.1
            for other in others
        )


async def test_options_reach_the_device_because_it_is_always_named_with_an_index(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu
) -> None:
    async with DetectorWorker(replace(on_edgetpu, delegate={"Performance": "Low", "device": "usb"}), ignore):
        pass
    assert edgetpu.opened == ["create device=usb:0 -> usb:0 Performance=Low"]


async def test_without_an_index_the_library_drops_the_options_without_a_word(
    edgetpu: SoftwareEdgeTpu,
) -> None:
    from ai_edge_litert.interpreter import load_delegate

    load_delegate(str(edgetpu.library), {"device": "usb", "Performance": "Low"})
    assert edgetpu.opened == ["create device=usb -> usb:0"]


async def test_each_instance_runs_on_the_device_that_was_named_for_it(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu
) -> None:
    edgetpu.plug_in("usb:0", "usb:1", "pci:0")
    async with DetectorWorker(replace(on_edgetpu, instances=2, devices=("usb:1", "pci:0")), ignore):
        pass
    assert [line.partition(" -> ")[2] for line in edgetpu.opened] == ["usb:1", "pci:0"]


async def test_a_library_that_is_not_installed_is_named(on_edgetpu: DetectorSpec) -> None:
    error = await failing_to_open(replace(on_edgetpu, library="libedgetpu-of-nowhere.so.1"))
    assert error.code == "edgetpu_absent"
    assert error.message == "the Edge TPU's library libedgetpu-of-nowhere.so.1 is not installed"
    assert "docs/edge-tpu.md" in error.hint


async def test_a_file_that_is_no_library_is_refused_with_what_the_linker_says(
    on_edgetpu: DetectorSpec, tmp_path: Path
) -> None:
    text = tmp_path / "text.so"
    text.write_text("no library")
    error = await failing_to_open(replace(on_edgetpu, library=str(text)))
    assert error.code == "edgetpu_runtime_mismatch"
    assert "invalid ELF header" in error.message or "file too short" in error.message


async def test_a_library_without_a_delegate_is_refused(on_edgetpu: DetectorSpec) -> None:
    error = await failing_to_open(replace(on_edgetpu, library="libm.so.6"))
    assert error.code == "edgetpu_runtime_mismatch"
    assert "tflite_plugin_create_delegate" in error.message


async def test_no_device_is_told_as_such_although_the_library_gives_no_reason(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu
) -> None:
    edgetpu.unplug()
    error = await failing_to_open(on_edgetpu)
    assert (error.code, error.message) == ("edgetpu_absent", "no Edge TPU: the kernel sees none")


async def test_the_librarys_own_reason_is_passed_on_where_it_gives_one(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu
) -> None:
    edgetpu.script(create="fail-message")
    error = await failing_to_open(on_edgetpu)
    assert error.message.endswith("(Could not open the device.)")


async def test_a_device_that_another_worker_has_is_not_opened_twice_and_is_free_after_it(
    on_edgetpu: DetectorSpec,
) -> None:
    async with DetectorWorker(on_edgetpu, ignore):
        error = await failing_to_open(on_edgetpu)
    assert isinstance(error, AcceleratorError)
    async with DetectorWorker(on_edgetpu, ignore) as worker:
        assert worker.warm_up_ms > 0


async def test_an_older_runtime_than_the_model_asks_for_is_told_with_both_versions(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu
) -> None:
    edgetpu.script(version=13)
    error = await failing_to_open(on_edgetpu)
    assert error.code == "edgetpu_runtime_mismatch"
    assert "needs an Edge TPU runtime of version 14" in error.message
    assert error.message.endswith("has 13")


async def test_a_library_that_crashes_when_it_is_loaded_is_told_with_both_versions(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu
) -> None:
    edgetpu.script(create="segv")
    error = await failing_to_open(on_edgetpu)
    assert error.code == "edgetpu_runtime_mismatch"
    assert error.message.startswith("the Edge TPU's worker died of SIGSEGV while ai-edge-litert 2.")
    assert error.message.endswith(f"{edgetpu.library} (Edge TPU runtime version 14) were loaded")


@pytest.mark.parametrize("step", [{"create": "hang"}, {"prepare": "hang"}, {"invoke": "hang"}], ids=str)
async def test_a_device_that_blocks_while_it_is_loaded_is_given_up_after_the_load_deadline(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, step: dict[str, str]
) -> None:
    edgetpu.script(**step)
    begun = time.monotonic()
    error = await failing_to_open(replace(on_edgetpu, load_deadline_s=1.5))
    assert error.code == "edgetpu_hung"
    assert 1.5 <= time.monotonic() - begun < 4.0


@pytest.mark.parametrize("step", ["error", "kernel-error"])
async def test_a_model_that_the_device_does_not_take_is_no_broken_model(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, step: str
) -> None:
    edgetpu.script(prepare=step)
    error = await failing_to_open(on_edgetpu)
    assert error.code == "edgetpu_runtime_mismatch"
    assert "does not take" in error.message


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("hang", "edgetpu_hung", "no answer within"),
        ("spin", "edgetpu_hung", "no answer within"),
        ("abort", "edgetpu_crashed", "died of SIGABRT"),
        ("segv", "edgetpu_crashed", "died of SIGSEGV"),
        ("exit", "edgetpu_crashed", "ended with status 77"),
        ("error", "edgetpu_lost", "Deadline exceeded"),
    ],
)
async def test_a_run_that_fails_loses_the_worker_with_its_reason_and_the_frame_is_no_empty_one(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, scene: bytes, fault: str, code: str, words: str
) -> None:
    losses: list[EdgedetError] = []
    edgetpu.script(invoke_ms=1)
    async with DetectorWorker(on_edgetpu, losses.append) as worker:
        await ask(worker, scene)
        edgetpu.script(invoke=fault)
        begun = time.monotonic()
        with pytest.raises(AcceleratorError) as caught:
            await ask(worker, scene)
        took_s = time.monotonic() - begun
    assert caught.value.code == code
    assert words in caught.value.message
    assert losses == [caught.value]
    assert took_s < (worker.deadline_s + 0.5 if code == "edgetpu_hung" else 1.0)


@pytest.mark.parametrize("answers", ["zero", "constant", "permuted", "previous"])
async def test_wrong_answers_are_not_believed(on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, answers: str) -> None:
    spec = replace(on_edgetpu, twin=BUNDLED_MODEL)
    async with DetectorWorker(spec, ignore) as worker:
        assert worker.warm_up_ms > 0
    edgetpu.script(answers=answers)
    error = await failing_to_open(spec)
    assert error.code == "edgetpu_wrong_answers"


async def test_a_twin_of_another_shape_is_no_twin(on_edgetpu: DetectorSpec, tmp_path: Path) -> None:
    other = write(tmp_path / "other.tflite", answering(np.zeros((8, 21), np.float32)))
    error = await failing_to_open(replace(on_edgetpu, twin=other))
    assert error.code == "model_mismatch"


async def test_what_a_crashing_library_said_last_is_kept(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, scene: bytes
) -> None:
    async with DetectorWorker(on_edgetpu, ignore) as worker:
        edgetpu.script(invoke="abort")
        with pytest.raises(AcceleratorError) as caught:
            await ask(worker, scene)
    assert "HandleQueuedBulkIn transfer in failed" in caught.value.hint


async def test_a_real_compiled_model_loads_and_sees_what_its_twin_sees(
    test_data: Path, edgetpu: SoftwareEdgeTpu
) -> None:
    from PIL import Image

    name = "models/yolov8n_320_imagenet_calibrated_full_integer_quant"
    cpu, compiled = test_data / f"{name}.tflite", test_data / f"{name}_edgetpu.tflite"
    picture = np.full((320, 320, 3), 114, np.uint8)
    picture[:, 40:280] = np.asarray(Image.open(test_data / "images/bus.jpg").resize((240, 320)))
    stamp = FrameStamp(0, 0, 0.0, 810, 1080)
    counts: list[list[int]] = []
    with Twin(cpu) as twin:
        edgetpu.script(twin=twin.path)
        on_edgetpu = DetectorSpec(compiled, ViewSize(320, 320), "edgetpu", library=str(edgetpu.library), twin=cpu)
        for wrong in ("zero", "constant", "permuted", "previous"):
            edgetpu.script(answers=wrong)
            assert (await failing_to_open(on_edgetpu)).code == "edgetpu_wrong_answers"
        edgetpu.script(answers="twin")
        for spec in (on_edgetpu, replace(on_edgetpu, model=cpu, backend="cpu", twin=None)):
            async with DetectorWorker(spec, ignore) as worker:
                await worker.turn(Share())
                result = await worker.submit(memoryview(picture.tobytes()), stamp, LIMITS)
            counts.append(sorted(found.class_id for found in detections_of(result.boxes, ())))
    assert counts[0] == counts[1]
    person, bus = 0, 5
    assert counts[0].count(person) >= 3
    assert bus in counts[0]
