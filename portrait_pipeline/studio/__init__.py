"""``portrait studio``: the pipeline as a local web page: pictures, points, jobs, a gallery."""
