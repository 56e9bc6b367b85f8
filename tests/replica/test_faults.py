"""An S3 store that misbehaves: what every kind over HTTP must do, and what S3 alone says."""

import base64
import email.utils
import time

import conformance
import conformance_http
from faulty import FaultyS3
from probing import main, noise

globals().update(conformance.cases(FaultyS3, conformance_http.HTTP))


class Refusals(FaultyS3):
    def test_the_missing_right(self):
        for on, command, right in (("listing", ("list", "g/", "all"), "s3:ListBucket on arn:aws:s3:::bucket"),
                                   ("object", ("read", "g/b", 0, 2), "s3:GetObject on arn:aws:s3:::bucket/*")):
            with self.subTest(on):
                self.serve().fault("403", on=on)
                answer = self.refused("EACCES", *command, says=["AccessDenied", f"lack {right}"])
                self.assertEqual(("/*" in answer.errors), on == "object")

    def test_how_far_the_clock_is_off(self):
        now = time.time()
        for seconds, says in ((7200 + 90, "behind the store's"), (-7200 - 90, "ahead of the store's")):
            with self.subTest(says):
                self.serve().fault("skew", date=email.utils.formatdate(now + seconds, usegmt=True))
                self.refused("EACCES", "list", "", "all", says=["set this machine's clock", "2h1m", says])

    def test_no_s3_at_all(self):
        """A web server, and one without TLS."""
        self.serve().fault("page")
        self.refused("EREMOTEIO", "list", "", "all", says=["answered 404", "not as S3 would", "check the endpoint"])
        self.settings["endpoint"] = self.server.endpoint.replace("http:", "https:")
        self.refused("EREMOTEIO", "list", "", "all", attempts=1, says=["the endpoint may speak http"])

    def test_no_such_bucket(self):
        self.serve()
        self.refused("EREMOTEIO", "list", "", "all", bucket="other", says=["s3://other", "404 NoSuchBucket"])


class Regions(FaultyS3):
    def test_learnt_once(self):
        for redirect in (301, 307, 400):
            with self.subTest(redirect):
                self.serve(region="eu-west-1", redirect=redirect)
                answer = self.ask("list", "", "all", "--", "read", "g/b", 1, 2, "--", "stats")
                self.assertEqual(answer.lines()[-1].removeprefix("23").split()[:2], ["4", "0"])

    def test_a_configured_one_that_is_right(self):
        self.serve(region="eu-west-1")
        self.assertEqual(self.ask("list", "", "all", "--", "stats", region="eu-west-1").lines()[-1].split()[0], "1")

    def test_one_that_is_none(self):
        self.serve(region="evil.example/")
        self.refused("EREMOTEIO", "list", "", "all", says=["301", "region"])


class Security(FaultyS3):
    def test_encryption_key(self):
        key = base64.b64encode(noise(32)).decode()
        self.serve(tls=True, encryption_key=key)
        self.refuse_to_read("EREMOTEIO", "400 InvalidRequest", "Server Side Encryption", skip_verify="true")
        self.read(skip_verify="true", sse_customer_key=key)
        self.refused("EINVAL", "list", "", "all", sse_customer_key="short", says=["32 bytes"])

    def test_encryption_key_without_tls(self):
        """On this machine, as the configuration allows."""
        key = base64.b64encode(noise(32)).decode()
        self.serve(encryption_key=key)
        self.read(sse_customer_key=key)

    def test_half_of_the_credentials(self):
        self.serve()
        self.refused("EINVAL", "list", "", "all", secret_access_key="", says=["secret-access-key"])

    def test_anonymous(self):
        anonymous = {"access_key_id": "", "secret_access_key": "", "session_token": ""}
        self.serve()
        self.read(**anonymous)
        self.server.fault("403")
        self.refuse_to_read("EACCES", "403", "no credentials are configured", **anonymous)

    def test_headers_stay_apart(self):
        self.serve()
        self.refused("EINVAL", "list", "", "all", session_token="a\r\nx-evil: 1", says=["one line"])


if __name__ == "__main__":
    main()
