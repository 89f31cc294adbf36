"""The environment of the tests, set before pytest-django reads the settings (loaded early, by `-p` in pyproject.toml)."""

import atexit
import os
import shutil
import tempfile

data_dir = tempfile.mkdtemp(prefix="coursebundler-tests-")
atexit.register(shutil.rmtree, data_dir, ignore_errors=True)

for name in list(os.environ):
    if name.startswith(("RAZORPAY_", "AWS_", "MEDIA_", "EMAIL_", "DATABASE_", "CLOUDFRONT_")):
        del os.environ[name]
os.environ.update(DEBUG="true", DATA_DIR=data_dir, PORT="8000", SANDBOX_PORT="9", STATIC_UNHASHED="true")
