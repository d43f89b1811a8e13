//! Feed files: every text gives a feed or its problems, and no feed names a folder outside of its place.
#![no_main]

use std::path::Path;

use lakehand::lake::Lake;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match lakehand::feed::parse_feed(text, "f") {
        Ok(feed) => {
            if let Ok(dir) = Lake::new("/lake").dataset_dir(&feed) {
                let parent = dir.parent().unwrap();
                assert!(
                    parent == Path::new("/lake/streams") || parent == Path::new("/lake/tables"),
                    "{dir:?}"
                );
            }
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(!problem.to_string().chars().any(char::is_control), "{problem}");
            }
        }
    }
});
