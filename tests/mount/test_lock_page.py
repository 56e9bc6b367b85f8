"""States of more than 1 GiB, which is where SQLite leaves out a page: as in test_states.py, which sanitizers run too."""

from mounting import main
from tables import StatesTest


class LockPage(StatesTest):
    def test_the_lock_page(self):
        self.compare("lockpage-v03")


if __name__ == "__main__":
    main()
