//! http-site
