"""Several processes at one output folder, some of them killed: nothing is lost, nobody is in another's way, each is told what goes on.

`STAA_ROUNDS=5000 pytest tests/runtime/test_two_processes.py -s` plays longer and counts how the processes ended.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import shutil
import signal
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from staa_cli.runtime import folders
from staa_cli.runtime.errors import StaaError
from staa_cli.runtime.folders import write_text
from staa_cli.runtime.run import Run

ROUNDS = int(os.environ.get("STAA_ROUNDS", "60"))
FILES = ["0.wav", "1.wav", "2.wav"]
OLD = 99
"""The seed of what stands there before a round."""
ENDINGS = {0: "made it", 10: "found it finished", 11: "told to wait", 12: "refused", 13: "broke", -signal.SIGKILL: "killed"}


class Recipe(BaseModel):
    seed: int


@dataclass(frozen=True)
class Game:
    """What the processes of a round do.

    Attributes:
        place: holds the output folder `out/run` and what is known beside it.
        seeds: of the runs: one, or several that want the same folder.
        overwrite, extendable: see `Run`.
        before: whether a finished run stands there, with a note of the user.
    """

    place: Path
    seeds: tuple[int, ...]
    overwrite: bool = False
    extendable: bool = False
    before: bool = False

    @property
    def out(self) -> Path:
        return self.place / "out" / "run"

    def run(self, seed: int, *, overwrite: bool = False) -> Run:
        overwrite = overwrite or self.overwrite
        return Run("attack", Recipe(seed=seed), {"inputs": {"count": 3}}, self.out, overwrite=overwrite, extendable=lambda: self.extendable)

    def work(self, seed: int, folder: Path) -> dict[str, object]:
        """Make what is not there yet; nobody else is in the folder, and what was made stays."""
        with (self.place / "inside").open("w") as inside:
            fcntl.flock(inside, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a kill opens it
            for number, name in enumerate(FILES, 1):
                if not (folder / name).exists():
                    write_text(folder / name, str(seed))
                    with (self.place / "log").open("a") as log:
                        log.write(f"{seed} {name}\n")
                nap(0.001)
                assert [(folder / name).read_text() for name in FILES[:number]] == [str(seed)] * number
        return {"failed": 0, "utterances": 3}

    def finish(self, seed: int, *, overwrite: bool = False) -> bool:
        """Returns whether the run was found finished."""
        run = self.run(seed, overwrite=overwrite)
        nap(0.001)
        if not run.finished:
            metrics = run.execute(lambda folder: self.work(seed, folder))
            assert metrics["recipe"]["seed"] == seed
        return run.finished

    def whole(self, *, note: bool) -> Iterator[str]:
        """What is wrong with the result."""
        names = {path.name for path in self.out.iterdir()}
        if names != {*FILES, "metrics.json", "recipe.yaml", *(["notes.txt"] if note else [])}:
            yield f"the result holds {sorted(names)}"
            return
        seed = json.loads((self.out / "metrics.json").read_text())["recipe"]["seed"]
        found = [(self.out / name).read_text() for name in FILES]
        if found != [str(seed)] * 3:
            yield f"the result of seed {seed} holds the files of {found}"


def nap(longest: float) -> None:
    time.sleep(random.random() * longest)


def player(game: Game, seed: int) -> int:
    """Fork a process with a run. Returns: its id."""
    child = os.fork()
    if child:
        return child
    code = 13
    try:
        random.seed()
        folders.PATIENCE = random.choice([0.0, 0.01, 1.0])
        nap(0.004)
        code = 10 if game.finish(seed) else 0
    except StaaError as error:
        code = {"wait": 11, "overwrite": 12}.get(error.advice, 13)
        if code == 13:
            (game.place / f"broke-{os.getpid()}").write_text(str(error))
    except BaseException:
        (game.place / f"broke-{os.getpid()}").write_text(traceback.format_exc())
    finally:
        os._exit(code)


def play(place: Path, draw: random.Random) -> tuple[Counter[str], list[str]]:
    """One round. Returns: how the processes ended, and what went wrong."""
    game = draw.choice(
        [
            Game(place, (0,)),
            Game(place, (0,), extendable=True, before=True),
            Game(place, (0,), overwrite=True, before=True),
            Game(place, (0, 1)),
            Game(place, (0, 1), extendable=True, before=True),
        ]
    )
    game.out.parent.mkdir(parents=True)
    if game.before:
        game.finish(OLD)
        (game.out / "notes.txt").write_text("mine")
        (place / "log").unlink()
    children = [player(game, draw.choice(game.seeds)) for _ in range(draw.randint(2, 4))]
    if draw.random() < 0.6:
        time.sleep(draw.random() * 0.02)
        for child in draw.sample(children, draw.randint(1, len(children))):
            os.kill(child, signal.SIGKILL)
    endings = Counter(ENDINGS[os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])] for child in children)
    wrong = [path.read_text() for path in place.glob("broke-*")]
    if endings["refused"] and (len(game.seeds) == 1 or game.overwrite or game.extendable):
        wrong.append("refused without need")
    remnants = [path.name for path in game.out.parent.iterdir() if path.name != "run"]
    if remnants and not endings["killed"]:
        wrong.append(f"left behind: {remnants}")
    elif remnants:
        endings["rounds with something to recover"] += 1
    try:
        # A look repairs what a kill left: the old result stands, or a new one, or there has never been one.
        finished = game.run(0, overwrite=True).finished
        if game.out.exists():
            wrong += game.whole(note=(game.before and not game.overwrite) or (game.out / "notes.txt").exists())
        elif game.before or endings["made it"]:
            wrong.append("there is no result any more")
        if game.finish(0, overwrite=not game.extendable) != finished:
            wrong.append("a look and the work after it disagree")
        wrong += game.whole(note=game.extendable)
        if len(game.seeds) == 1 and (place / "log").exists():
            made = Counter((place / "log").read_text().splitlines())
            wrong += [f"made {count} times: {step}" for step, count in made.items() if count > 1]
        # What a killed run of another seed had made waits for it.
        waiting = {".run.staa-partial"} if len(game.seeds) > 1 and endings["killed"] else set[str]()
        wrong += [f"left behind: {path.name}" for path in game.out.parent.iterdir() if path.name not in {"run", *waiting}]
    except Exception:
        wrong.append(traceback.format_exc())
    return endings, wrong


def stress(root: Path, rounds: int) -> tuple[Counter[str], list[str]]:
    """Many rounds, in the folder `root`."""
    endings, wrong, draw = Counter[str](), list[str](), random.Random(7)
    for number in range(rounds):
        place = root / str(number)
        place.mkdir(parents=True)
        ended, found = play(place, draw)
        endings += ended
        endings["rounds"] += 1
        endings["rounds that went wrong"] += bool(found)
        wrong += [f"round {number}: {what}" for what in found]
        shutil.rmtree(place)
    return endings, wrong


def test_nothing_is_lost_between_processes(tmp_path: Path) -> None:
    endings, wrong = stress(tmp_path, ROUNDS)
    print(dict(endings))
    assert wrong == []
    # Who is told to wait, and who is refused, is for the machine's load to say.
    assert min(endings[ending] for ending in ("made it", "found it finished", "killed")) > 0, "a case was never played"
