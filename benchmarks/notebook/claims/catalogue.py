"""The notebook's claims in our words, and how each is tested."""

from benchmarks.notebook.claims import judge
from benchmarks.notebook.claims.evidence import Claim

_SPEED = "Holds if the interval of the difference lies above zero."

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "counts",
        "The training table has these counts of the ten digits, from 3,795 fives to 4,684 ones",
        "counted",
        "Holds if all ten counts are equal.",
        judge.counts,
    ),
    Claim(
        "parameters",
        "The network has 887,530 weights",
        "counted",
        "Holds if the count is equal.",
        judge.parameters,
    ),
    Claim(
        "augmentation",
        "Augmenting the training images makes the network more accurate",
        "30 epochs with and without, on the test set",
        "Holds if the interval of the difference lies above zero.",
        judge.augmentation,
    ),
    Claim(
        "gain",
        "It raises accuracy from 98.114 % to 99.67 %, by 1.56 points",
        "the same runs",
        "Holds if the interval of the difference contains 1.56 points.",
        judge.gain,
    ),
    Claim(
        "two-epochs",
        "Two epochs are enough for 98.7 % on validation",
        "second epoch of the full runs",
        "Holds if the interval lies above 98.7 %; open if it contains it.",
        judge.two_epochs,
    ),
    Claim(
        "sgd",
        "RMSprop learns faster than plain gradient descent",
        "first epochs against SGD, learning rate 0.01",
        _SPEED,
        judge.ahead_of("sgd"),
    ),
    Claim(
        "momentum",
        "RMSprop learns faster than gradient descent with momentum",
        "first epochs against SGD, learning rate 0.01, momentum 0.9",
        _SPEED,
        judge.ahead_of("sgd-momentum"),
    ),
    Claim(
        "pixels",
        "Pixels in 0-1 make the network learn faster than pixels in 0-255",
        "first epochs, all else equal",
        _SPEED,
        judge.ahead_of("pixels-255"),
    ),
    Claim(
        "split",
        "Where classes are balanced, a plain random split is good enough",
        "shares over 1,000 splits; short trainings",
        "Holds if the interval of the difference in validation accuracy excludes a loss of more "
        "than 0.1 points. Each split has validation images of its own.",
        judge.split,
    ),
    Claim(
        "above",
        "Validation accuracy is above training accuracy almost all the time",
        "each epoch of the full runs",
        "Holds if the interval of the share of epochs lies above 90 %. Training accuracy is taken "
        "during training, with dropout and augmentation, which make the images harder.",
        judge.above_training,
    ),
    Claim(
        "overfit",
        "So the network does not overfit",
        "training images scored in the same way as validation images",
        "Does not hold if accuracy on the training images is higher, with disjoint intervals.",
        judge.overfit,
    ),
    Claim(
        "four-nine",
        "4 and 9 are confused with each other",
        "errors of the full runs",
        "Holds if the pair is among the three most frequent of 45, on test and validation both.",
        judge.four_nine,
    ),
    Claim(
        "flips",
        "Mirroring the training images would do harm",
        "mirrored with probability 1/2, short trainings",
        "Holds if the interval of the difference after the last epoch lies above zero. Validation "
        "images are never mirrored.",
        judge.flips,
    ),
    Claim(
        "gpu",
        "A GPU is much faster than a CPU",
        "one epoch on each",
        "Holds if the GPU is more than twice as fast.",
        judge.gpu,
    ),
    Claim(
        "cpu",
        "30 epochs take 2 h 30 (9,000 s) on a CPU",
        "30 times the fastest epoch of each full run",
        "Holds if every run takes more than half as long.",
        judge.cpu,
    ),
)
