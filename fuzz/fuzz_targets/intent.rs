//! Intent records with a right checksum, of this version and of those before 0.2: recovery finishes or refuses them, and
//! touches nothing outside of the dataset.
#![no_main]

mod lake;

use lakehand::lake::Dataset;
use libfuzzer_sys::fuzz_target;
use twox_hash::XxHash3_128;

fuzz_target!(|data: &[u8]| {
    let of_old = data
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    for head in [format!("{of_old:016x}\n"), format!("{:032x}\n", XxHash3_128::oneshot(data))] {
        recover(&[head.as_bytes(), data, b"\n"].concat());
    }
});

fn recover(intent: &[u8]) {
    let root = lake::scratch();
    let staging = root.join("_lakehand/streams/events/staging/r1");
    std::fs::create_dir_all(&staging).unwrap();
    std::fs::write(staging.join("a"), b"12345").unwrap();
    std::fs::write(root.join("victim"), b"12345").unwrap();
    std::fs::write(root.join("_lakehand/streams/events/staging/intent.json"), intent).unwrap();
    let _ = Dataset::open(&lake::at(&root), &lake::feed(), lake::limits(), lake::owner());
    assert_eq!(std::fs::read(root.join("victim")).unwrap(), b"12345");
    let mut names: Vec<_> = std::fs::read_dir(&root).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["_lakehand", "streams", "victim"]);
}
