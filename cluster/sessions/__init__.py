"""Where a Ray comes from: started here, joined, kept alive, or sent a job."""
