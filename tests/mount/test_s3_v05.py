"""What Litestream 0.5 keeps on S3: every way to write a path, times in the objects' metadata, which are asked for once."""

from mounting import main
from stores import Bucket, S3Layout, keeps_its_answer, ltx_times, s3_config, to_s3_layout
from tables import S3Test, table_of


class Layouts(S3Test):
    def test_every_way_to_write_a_path(self):
        """And the times of a backup's files are asked for once, however often it is mounted."""
        folder = self.fixture("s3layout-v05")
        layout = S3Layout(folder)
        layout.as_folders()  # for the table, which reads names and times from a folder
        servers, config = layout.serve()
        for server in servers:
            self.addCleanup(server.close)
        table = table_of(folder)
        tree = self.mount(config)
        self.compare(table, table.lines, tree)
        asked = [server.metadata_requests() for server in servers]
        for server, keys in zip(servers, asked):
            self.assertEqual(sorted(keys), sorted(set(keys) & set(server.metadata)), server.bucket)
            # What was read to answer for the latest state has told its time along with its bytes.
            self.assertLess(len(keys), len(server.metadata), server.bucket)
        tree.unmount()

        self.compare(table, table.lines, self.mount(config, point="again"))
        self.assertEqual([server.metadata_requests() for server in servers], asked)
        for server in servers:
            self.assertEqual(server.fetched_twice(), [])


class Metadata(S3Test):
    """Times to the nanosecond, of LTX files only: of v0.3's objects S3 keeps whole seconds."""

    def check(self, name, s3_layout):
        folder = self.fixture(name)
        table = table_of(folder)
        if s3_layout:
            to_s3_layout(folder / "replica")
        bucket = Bucket(folder / "replica", metadata=ltx_times(folder / "replica"))
        self.addCleanup(bucket.close)
        lines = [line for line in table.lines if keeps_its_answer(line.time(), folder / "replica" / line.database, "*.lz4")]
        self.assertGreater(len(lines), len(table.lines) * 3 // 4)
        self.compare(table, lines, self.mount(s3_config(self.folder / "s3.yml", bucket.endpoint, bucket.bucket, table.replicas)))

    def test_a_rails_app(self):
        self.check("rails-v05", s3_layout=True)

    def test_pages_as_lz4_frames(self):
        self.check("frames-v05", s3_layout=True)

    def test_a_folder_that_was_copied_to_s3(self):
        self.check("frames-v05", s3_layout=False)

    def test_both_formats(self):
        self.check("mixed", s3_layout=True)

    def test_the_edges_of_time(self):
        self.check("edges-v05", s3_layout=True)

    def test_damage(self):
        self.check("damaged-v05", s3_layout=True)

    def test_damage_that_leaves_something_to_save(self):
        self.check("broken-v05", s3_layout=True)


class NoMetadata(S3Test):
    """Of files that another program copied to S3, whole seconds are known."""

    def test_the_edges_of_time(self):
        folder = self.fixture("edges-v05")
        table = table_of(folder)
        bucket = Bucket(folder / "replica")
        self.addCleanup(bucket.close)
        config = s3_config(self.folder / "s3.yml", bucket.endpoint, bucket.bucket, table.replicas)
        lines = [line for line in table.lines if keeps_its_answer(line.time(), folder / "replica" / line.database)]
        self.assertGreater(len(lines), 40)
        tree = self.mount(config)
        self.compare(table, lines, tree)
        tree.unmount()
        asked = bucket.metadata_requests()
        self.assertEqual(len(asked), len(set(asked)))
        self.compare(table, lines, self.mount(config, point="again"))
        self.assertEqual(bucket.metadata_requests(), asked)


if __name__ == "__main__":
    main()
