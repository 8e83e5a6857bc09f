from edgedet.service.overload import Overload


class Camera:
    """Ten frames a second, looked at every five seconds."""

    def __init__(self) -> None:
        self.overload = Overload()
        self.at_s = 0.0
        self.looked_at = 0
        self.dropped = 0

    def goes_on(self, seconds: float, dropped_share: float) -> bool:
        verdict = False
        for _ in range(int(seconds / 5)):
            self.at_s += 5
            self.dropped += round(50 * dropped_share)
            self.looked_at += round(50 * (1 - dropped_share))
            verdict = self.overload.judge(self.at_s, self.looked_at, self.dropped)
        return verdict


def test_a_detector_that_drops_most_frames_for_half_a_minute_is_overloaded() -> None:
    camera = Camera()
    assert not camera.goes_on(25, dropped_share=0.8)
    assert camera.goes_on(15, dropped_share=0.8)


def test_a_burst_of_drops_is_no_overload() -> None:
    camera = Camera()
    camera.goes_on(60, dropped_share=0.0)
    assert not camera.goes_on(10, dropped_share=1.0)


def test_it_is_over_when_few_are_dropped_again_and_not_before() -> None:
    camera = Camera()
    assert camera.goes_on(60, dropped_share=0.8)
    assert camera.goes_on(60, dropped_share=0.4)
    assert not camera.goes_on(60, dropped_share=0.1)


def test_a_camera_without_frames_keeps_the_verdict() -> None:
    camera = Camera()
    camera.goes_on(60, dropped_share=0.0)
    for _ in range(20):
        camera.at_s += 5
        assert not camera.overload.judge(camera.at_s, camera.looked_at, camera.dropped)
