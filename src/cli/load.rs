//! What several commands load: a space file, a data set, an architecture.
