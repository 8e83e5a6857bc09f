"""The whole daemon, killed while its broker is away: what it had seen arrives after all, and no life stays open."""

from __future__ import annotations

import asyncio
from pathlib import Path

from edgedet.settings.model_choice import BUNDLED_MODEL
from integration.delivering import Listener, RememberingBroker, until
from integration.edgedet_process import RunningDaemon


async def test_what_a_daemon_saw_before_it_was_killed_arrives_and_every_life_has_one_end(tmp_path: Path) -> None:
    folder = tmp_path / "broker"
    folder.mkdir()
    config = tmp_path / "edgedet.yaml"
    with RememberingBroker(folder) as broker, Listener(broker.port) as listener:
        config.write_text(
            f"version: 1\n"
            f"device: pi\n"
            f"state_dir: {tmp_path / 'state'}\n"
            f"mqtt: {{url: 'mqtt://127.0.0.1:{broker.port}'}}\n"
            f"detector: {{model: {BUNDLED_MODEL}, accelerators: [cpu]}}\n"
            f"cameras:\n  porch: {{source: {{type: synthetic, size: [320, 240], fps: 10}}}}\n"
        )
        with RunningDaemon(config, tmp_path / "first.log") as daemon:
            await until(lambda: len(listener.ids) >= 3, "some objects were seen")
            await broker.remember()
            broker.kill()
            await until(lambda: "broker_unreachable" in daemon.log, "the daemon noticed")
            seen = len(listener.events)
            await asyncio.sleep(8)
            daemon.child.kill()
            daemon.child.wait()
        before = set(listener.ids)
        with RunningDaemon(config, tmp_path / "second.log") as daemon:
            broker.start()
            await until(lambda: any(told["end_reason"] == "restart" for told in listener.events), "lives were ended")
            await until(lambda: len(listener.ids - before) >= 3, "new objects are seen")
            assert daemon.stop() == 0
        listener.check_promises()
        events = listener.camera("porch")
        gap = next(number for number, told in enumerate(events) if told["type"] == "gap")
        assert events[gap]["lost"] is None
        assert len(events[:gap]) > seen, "what waited on disk when the daemon was killed"
        ends = [told["id"] for told in events if told["type"] == "end"]
        assert len(ends) == len(set(ends))
        began_before = {told["id"] for told in events[:gap]}
        # What began within the last two seconds before the kill may have gone with it.
        assert began_before <= set(ends)
        restarted = [told for told in events if told["end_reason"] == "restart"]
        assert events[gap + 1 : gap + 1 + len(restarted)] == restarted, "before anything new"
