//! `_metadata.json`: whatever stands there, a dataset opens or says why not; what was understood is written back the same.
#![no_main]

mod lake;

use lakehand::lake::{Dataset, read_metadata};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let root = lake::scratch();
    let dir = root.join("streams/events");
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("_metadata.json");
    std::fs::write(&path, data).unwrap();
    let before = read_metadata(&dir);
    if let Ok(dataset) = Dataset::open(&lake::at(&root), &lake::feed(), lake::limits(), lake::owner())
        && let Ok(Some(before)) = before
        && dataset.recovery().rebuilt_metadata.is_none()
    {
        assert_eq!(dataset.metadata(), &before);
        let text = serde_json::to_vec(&before).unwrap();
        let again: lakehand::lake::Metadata = serde_json::from_slice(&text).unwrap();
        assert_eq!(again, before);
    }
});
