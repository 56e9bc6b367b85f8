"""Every state of the fixtures from S3: from a server that keeps the objects' times. From a real one: test_swift.py."""

from mounting import main
from stores import Bucket, keeps_its_answer, s3_config
from tables import S3Test, table_of


class KeptTimes(S3Test):
    """S3 tells times in whole seconds: the lines whose instant falls between an object's time and its second are left out."""

    def check(self, name, at_least):
        folder = self.fixture(name)
        table = table_of(folder)
        bucket = Bucket(folder / "replica")
        self.addCleanup(bucket.close)
        lines = [line for line in table.lines if keeps_its_answer(line.time(), folder / "replica" / line.database)]
        self.assertGreater(len(lines), at_least)
        config = s3_config(self.folder / "s3.yml", bucket.endpoint, bucket.bucket, table.replicas)
        self.compare(table, lines, self.mount(config))

    def test_a_rails_app(self):
        self.check("rails-v03", 90)

    def test_page_sizes(self):
        self.check("pagesizes-v03", 40)

    def test_the_edges_of_time(self):
        self.check("edges-v03", 40)

    def test_damage(self):
        self.check("damaged-v03", 30)

    def test_damage_that_leaves_something_to_save(self):
        self.check("broken-v03", 80)


if __name__ == "__main__":
    main()
