"""`make image`: the image is built, run as ECS runs it, and asked for what it promises. No Docker daemon is needed."""
