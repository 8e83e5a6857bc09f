from edgedet.stage_times import Percentiles, Samples


def test_percentiles_are_values_that_did_occur() -> None:
    samples = Samples()
    for value in range(1, 101):
        samples.add(value)
    assert samples.percentiles() == Percentiles(51.0, 99.0)


def test_without_samples_there_is_nothing_to_say() -> None:
    assert Samples().percentiles() is None


def test_memory_is_bounded_and_the_newest_count() -> None:
    samples = Samples()
    for value in range(200_000):
        samples.add(value)
    spread = samples.percentiles()
    assert spread is not None
    assert spread.p50 > 134_463
    assert len(samples._values) == 65_536
