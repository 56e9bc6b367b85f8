"""Every state that the real Litestream restored from the fixtures, and what must stand where it gives up: states.py. Those of
more than 1 GiB: test_lock_page.py."""

from mounting import main
from stores import S3Layout
from tables import StatesTest


class States(StatesTest):
    def test_a_rails_app(self):
        self.compare("rails-v03")

    def test_page_sizes(self):
        self.compare("pagesizes-v03")

    def test_the_edges_of_time(self):
        self.compare("edges-v03")

    def test_damage(self):
        self.compare("damaged-v03")

    def test_damage_that_leaves_something_to_save(self):
        self.compare("broken-v03")

    def test_snapshots_that_are_ahead(self):
        self.compare("ahead-v03")

    def test_age(self):
        self.compare("age-v03")

    def test_v05_a_rails_app(self):
        self.compare("rails-v05")

    def test_v05_pages_as_lz4_frames(self):
        self.compare("frames-v05")

    def test_v05_as_it_was_written_to_s3(self):
        folder = self.fixture("s3layout-v05")
        self.compare_with(folder, self.mount(S3Layout(folder).as_folders()))

    def test_both_formats_in_one_replica(self):
        self.compare("mixed")

    def test_v05_the_edges_of_time(self):
        self.compare("edges-v05")

    def test_v05_damage(self):
        self.compare("damaged-v05")

    def test_v05_damage_that_leaves_something_to_save(self):
        self.compare("broken-v05")


if __name__ == "__main__":
    main()
