"""What tells a user how: --help, the manual page and the completions know the same commands and flags, and installing
puts each in its place."""

import os
import pathlib
import re
import subprocess

import recorded  # noqa: F401 (finds the modules shared with the tests that mount)
from mounting import LITEMOUNT, ROOT, MountTest, main

MANUAL = ROOT / "fs/cli/litemount.1.in"
BASH = ROOT / "fs/cli/completion/litemount.bash"
README = ROOT / "README.md"
ZSH = ROOT / "fs/cli/completion/_litemount"
VERBS = re.findall(r"&verb_(\w+)", (ROOT / "fs/cli/verbs.c").read_text("utf-8"))


def sections():
    """The manual's text by heading: "COMMANDS", "restore", ...; roff's escapes and fonts resolved."""
    found, heading = {}, ""
    for line in MANUAL.read_text("utf-8").splitlines():
        line = re.sub(r"\\f.", "", line).replace("\\-", "-").replace("\\e", "\\").replace("\\(aq", "'")
        if match := re.match(r'\.S[HS] "?(.*?)"?$', line):
            heading = match[1]
        found[heading] = found.get(heading, "") + line + "\n"
    return found


def documented(section):
    """The flags that a section's tags name."""
    tags = re.findall(r"^\.TP\n(.*)$", section, re.M)
    return {flag for tag in tags for flag in re.findall(r"(?<![\w-])-([a-z][a-z-]*)", tag)}


class Manual(MountTest):
    def helped(self, *verb):
        """The flags that --help shows."""
        done = self.run_litemount(*verb, "--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        flags = set()
        for line in done.stdout.splitlines():
            if re.match(r"  -", line):
                flags |= set(re.findall(r"(?<!\S)-([a-z][a-z-]*)", re.split(r"  +", line.strip())[0]))
        return flags

    def completed(self, shell, *words, then=""):
        """What a shell offers for the last of the words."""
        words = ["litemount", *words]
        environment = {**os.environ, "PATH": f"{pathlib.Path(LITEMOUNT).parent}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8",
                       "XDG_CACHE_HOME": str(self.folder / "cache")}
        if shell == "bash":
            script = ('source "$1"; shift; compopt() { :; }; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _litemount; '
                      'printf "%s\\n" "${COMPREPLY[@]}"')
            command = ["bash", "-c", script, "bash", BASH, *words]
        else:  # the completion's own helpers print what they were handed
            script = ('for f in _arguments _describe compadd; do functions[$f]=\'print -rl -- "$@"\'; done; '
                      'file=$1; shift; words=("$@"); CURRENT=$#; source $file; ' + then)
            command = ["zsh", "-f", "-c", script, "zsh", ZSH, *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.stderr, "")
        return done.stdout.splitlines()

    def test_every_command_is_everywhere(self):
        manual, helped = sections(), self.run_litemount("--help").stdout
        self.assertGreaterEqual(len(VERBS), 7)
        for verb in VERBS:
            self.assertIn(verb, manual)
            self.assertRegex(manual["SYNOPSIS"], rf'\.SY "litemount {verb}"')
            self.assertRegex(helped, rf"\b{verb}\b")
            self.assertIn(verb, self.completed("bash", verb[:3]))
            self.assertRegex(ZSH.read_text("utf-8"), rf"'{verb}:")

    def test_the_manual_has_every_flag_and_no_other(self):
        manual = sections()
        for verb in VERBS:
            with self.subTest(verb):
                self.assertEqual(documented(manual["COMMANDS"]) | documented(manual[verb]), self.helped(verb))
        with self.subTest("the mount"):
            self.assertEqual(documented(manual["THE MOUNT"]), self.helped())

    def test_the_manual_has_every_mount_option(self):
        options = re.findall(r"\b[a-z-]+=(?=[A-Z])|^ +allow_other", self.run_litemount("--help").stdout, re.M)
        self.assertEqual(len(options), 8)
        for option in map(str.strip, options):
            self.assertIn(option, sections()["THE MOUNT"])
            self.assertIn(option, self.completed("bash", "-o", option))
            self.assertIn(option.rstrip("="), ZSH.read_text("utf-8"))

    def test_the_readme_has_every_mount_option_and_no_other(self):
        rows = re.findall(r"^\| ((?:`[a-z_-]+=?[A-Z]*` ?)+)\|", README.read_text("utf-8"), re.M)
        told = {option for row in rows for option in re.findall(r"`([a-z_-]+)=?[A-Z]*`", row)}
        helped = re.findall(r"^    ([a-z_-]+)(?:=[A-Z]+)? +\S", self.run_litemount("--help").stdout, re.M)
        self.assertEqual(told, set(helped))

    def test_the_readme_has_only_flags_that_there_are(self):
        lines = re.findall(r"^(?:    |\$ )?.*?\blitemount (\w+) (.*)", README.read_text("utf-8"), re.M)
        lines = [(verb, words) for verb, words in lines if verb in VERBS]
        self.assertGreater(len(lines), 10)
        for verb, words in lines:
            with self.subTest(verb, words=words):
                self.assertLessEqual(set(re.findall(r"(?<!\S)-([a-z][a-z-]*)", words)), self.helped(verb))

    def test_bash_completes_every_flag_and_no_other(self):
        for verb in VERBS:
            with self.subTest(verb):
                self.assertEqual(set(self.completed("bash", verb, "-")), {f"-{flag}" for flag in self.helped(verb)})
        self.assertEqual(set(self.completed("bash", "-")), {f"-{flag}" for flag in self.helped()})

    def test_zsh_completes_every_flag_and_no_other(self):
        for verb in ["", *VERBS]:
            with self.subTest(verb):
                offered = self.completed("zsh", *([verb] if verb else []), "-")
                flags = {match[1] for line in offered if (match := re.match(r"(?:\(.*\))?(-[a-z-]+)\[", line))}
                self.assertEqual(flags, {f"-{flag}" for flag in (self.helped(verb) if verb else self.helped())})

    def test_values_are_completed(self):
        (self.folder / "app.yml").touch()
        start = f"{self.folder}/ap"
        self.assertEqual(self.completed("bash", "verify", "-config", start), [f"{self.folder}/app.yml"])
        self.assertEqual(self.completed("bash", "ltx", "--level", "a"), ["all"])
        self.assertEqual(self.completed("bash", "points", "-generation", ""), [""])

    def test_databases_of_the_configuration_are_completed(self):
        config = self.folder / "two words.yml"
        config.write_text("dbs:\n" + "".join(f"  - path: /data/{name}\n    replica: {{path: /backups/{name}}}\n"
                                             for name in ("a b.db", "queue.db")))
        self.assertEqual(self.completed("bash", "points", "-config", str(config), ""), ["/data/a\\ b.db", "/data/queue.db"])
        quoted = str(config).replace(" ", "\\ ")  # as typed: zsh hands its words over unread
        self.assertEqual(self.completed("zsh", "points", "-config", quoted, "", then="_litemount_databases")[-2:],
                         ["/data/a b.db", "/data/queue.db"])
        self.assertEqual(self.completed("bash", "points", "-config", str(config), "/data/q"), ["/data/queue.db"])

    def test_the_manual_is_well_formed(self):
        done = subprocess.run(["mandoc", "-Tlint", "-W", "warning", MANUAL], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.stdout + done.stderr, "")

    def test_the_examples_are_understood(self):
        """Their options and commands are: what is wrong is only that there is no such configuration."""
        fstab = (ROOT / "examples/fstab").read_text("utf-8").splitlines()[-1].split()
        self.assertEqual((len(fstab), fstab[2]), (6, "fuse.litemount"))
        unit = (ROOT / "examples/systemd/mnt-backups.mount").read_text("utf-8")
        service = (ROOT / "examples/systemd/litemount.service").read_text("utf-8")
        kamal = (ROOT / "examples/kamal/deploy.yml").read_text("utf-8")
        missing, point = str(self.folder / "missing.yml"), str(self.folder)
        for options in (fstab[3], re.search("^Options=(.*)", unit, re.M)[1]):
            done = self.run_litemount(missing, point, "-o", options)
            self.assertEqual((done.returncode, "missing.yml: " in done.stderr), (1, True), done.stderr)
        for command in (re.search("^ExecStart=litemount (.*)", service, re.M)[1], re.search("cmd: litemount (.*)", kamal)[1]):
            words = command.replace("/etc/litestream.yml", missing).replace("/mnt/backups", point).split()
            done = self.run_litemount(*words)
            self.assertEqual((done.returncode, "missing.yml: " in done.stderr), (1, True), done.stderr)


class Installing(MountTest):
    def test_all_is_put_in_place(self):
        build = pathlib.Path(LITEMOUNT).parents[1]
        subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--destdir", self.folder / "root"], check=True,
                       stdout=subprocess.DEVNULL, timeout=60)
        prefix = next((self.folder / "root").rglob("bin/litemount")).parents[1]
        version = subprocess.run([prefix / "bin/litemount", "--version"], check=True, capture_output=True, text=True).stdout
        page = (prefix / "share/man/man1/litemount.1").read_text("utf-8")
        self.assertIn(f'"{version.strip()}"', page)
        self.assertEqual(page.count("@version@"), 0)
        self.assertEqual((prefix / "share/bash-completion/completions/litemount").read_bytes(), BASH.read_bytes())
        self.assertEqual((prefix / "share/zsh/site-functions/_litemount").read_bytes(), ZSH.read_bytes())


if __name__ == "__main__":
    main()
