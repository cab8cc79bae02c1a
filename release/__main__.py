"""Try the wheel with the core and with each extra, and with the lowest requirements allowed.

python -m release           # everything
python -m release serve     # the environments with this extra
"""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from release.environment import Environment, build, lowest
from release.uses import USES


def main(wanted: list[str]) -> None:
    """Build the wheel, and use it in one clean environment after another."""
    with TemporaryDirectory() as kept:
        wheel = build(Path(kept) / "dist")
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB", flush=True)
        lower = lowest(wheel)
        for extras, use in USES.items():
            if wanted and not set(wanted) & set(extras or ("core",)):
                continue
            for kind, pins in (("newest", []), ("lowest", lower)):
                name = f"{'+'.join(extras) or 'core'}, {kind}"
                with TemporaryDirectory() as where:
                    started = time.perf_counter()
                    env = Environment.create(Path(where), wheel, *extras, pins=pins)
                    installed = time.perf_counter()
                    size = sum(f.stat().st_size for f in env.bin.parent.rglob("*") if f.is_file())
                    use(env)
                used = time.perf_counter() - installed
                print(
                    f"{name}: installed in {installed - started:.1f} s, {size / 1e6:,.0f} MB; "
                    f"used in {used:.1f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main(sys.argv[1:])
