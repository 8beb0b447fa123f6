"""The git hook that checks what is about to be pushed."""

from pathlib import Path

from rig.errors import InputError
from rig.kernel import git

MARK = "# made by rig presubmit --hook install"
# What is undecided, or where nothing says what a branch is based on, is pushed: only what is known to be bad is not.
HOOK = f"""#!/bin/sh
{MARK}
# Without it once: git push --no-verify, or RIG_SKIP=1 git push. For good: rig presubmit --hook remove
[ -z "$RIG_SKIP" ] || exit 0
remote=$1
while read -r local_ref local_commit remote_ref remote_commit; do
  first=$(git rev-list "$local_commit" --not --remotes="$remote" 2>/dev/null | tail -n 1)
  [ -n "$first" ] && git rev-parse --quiet --verify "$first^" >/dev/null || continue
  echo "rig: checking $local_ref before it is pushed to $remote_ref (git push --no-verify skips this)" >&2
  {{rig}} presubmit --plan quick --base "$first^" --tip "$local_commit" </dev/null
  case $? in 1|3|130) exit 1;; esac
done
exit 0
"""


async def install(repository: Path, rig: str) -> Path:
    """Write the hook, which calls the program `rig`, and return where; raises InputError if another is there."""
    path = await _path(repository)
    if path.exists() and MARK not in path.read_text(errors="replace"):
        raise InputError(f"{path} is there already, and not the rig's", hint="call `rig presubmit --plan quick` in it")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HOOK.replace("{rig}", rig))
    path.chmod(0o755)
    return path


async def remove(repository: Path) -> Path:
    """Remove the hook and return where it was; raises InputError if there is none of the rig's."""
    path = await _path(repository)
    if not path.exists() or MARK not in path.read_text(errors="replace"):
        raise InputError(f"there is no hook of the rig's at {path}")
    path.unlink()
    return path


async def _path(repository: Path) -> Path:
    done = await git.ask(repository, "rev-parse", "--path-format=absolute", "--git-path", "hooks/pre-push", check=False)
    if done.status:
        raise InputError(f"{repository} is not a git repository", hint="go to one, or name it with --tree DIR")
    return Path(done.output.strip())
