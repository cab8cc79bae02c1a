"""Every benchmark by its name, in the order of the sections of `BENCHMARKS.md`.

A benchmark is imported when it is asked for: those that measure memory run before anything heavy
is loaded.
"""

from importlib import import_module

from benchmarks.core.benchmark import Benchmark

BENCHMARKS = {
    "time-to-accuracy": "benchmarks.speed.time_to_accuracy:TimeToAccuracy",
    "speedup": "benchmarks.speed.speedup:Speedup",
    "ensembles": "benchmarks.accuracy.ensembles:Ensembles",
    "profiles": "benchmarks.speed.profiles:Profiles",
    "inference": "benchmarks.speed.inference:Inference",
    "cost": "benchmarks.speed.cost:Cost",
    "serving": "benchmarks.speed.serving:Serving",
    "threads": "benchmarks.speed.threads:Threads",
    "csv-reading": "benchmarks.speed.csv_reading:CsvReading",
    "batch-predict": "benchmarks.scale.batch_predict:BatchPredict",
    "batch-read": "benchmarks.scale.batch_read:BatchRead",
    "cluster-training": "benchmarks.scale.cluster_training:ClusterTraining",
    "sweep": "benchmarks.scale.sweep:Sweep",
    "reading": "benchmarks.reading.benchmark:Reading",
    "sites": "benchmarks.reading.sites:Sites",
    "adapt": "benchmarks.reading.adapting:Adapt",
    "release-model": "benchmarks.reading.release_model:ReleaseModel",
    "notebook": "benchmarks.notebook.benchmark:NotebookRecipe",
    "claims": "benchmarks.notebook.claims.benchmark:Claims",
    "label-noise": "benchmarks.accuracy.label_noise:LabelNoise",
    "fashion": "benchmarks.accuracy.fashion:Fashion",
    "tuning": "benchmarks.accuracy.tuning:Tuning",
    "bound": "benchmarks.accuracy.bound:Bound",
    "kill-resume": "benchmarks.reliability.kill_resume:KillResume",
    "kill-corrections": "benchmarks.reliability.kill_corrections:KillCorrections",
    "fuzz": "benchmarks.reliability.fuzz:Fuzz",
    "fuzz-requests": "benchmarks.reliability.fuzz_requests:FuzzRequests",
}


def load_benchmark(name: str) -> Benchmark:
    """Import a benchmark and return an instance of it.

    Args:
        name: a key of `BENCHMARKS`.
    """
    module, _, attribute = BENCHMARKS[name].partition(":")
    benchmark: Benchmark = getattr(import_module(module), attribute)()
    return benchmark
