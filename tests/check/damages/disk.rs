//! Damages by modes, links, pipes, stopped runs and single bits.

use super::*;

pub(super) const CASES: &[Case] = &[
    case!("a restricted file is opened to all", WrongMode, |b| {
        mode(&b.file(0), 0o644);
        b.same()
    }),
    case!("a folder is closed to its group", WrongMode, |b| {
        mode(&b.dir.join("year=2025/month=01"), 0o700);
        b.same()
    }),
    case!("staging is opened to all", WrongMode, |b| {
        mode(&books(&b.dir).join("staging"), 0o777);
        b.same()
    }),
    case!("the dataset's folder is opened to all", WrongMode, |b| {
        mode(&b.dir, 0o755);
        b.same()
    }),
    case!("a run stopped between its decision and the end of the commit", UnfinishedCommit, |b| {
        unfinished(b);
        (b.feed.clone(), Data::Rows([b.all(), THIRD.to_vec()].concat()))
    }),
    case!("the same, and a staged file is gone", BrokenCommit, |b| {
        unfinished(b);
        let staged = fs::read_dir(books(&b.dir).join("staging/three")).unwrap().next().unwrap().unwrap();
        fs::remove_file(staged.path()).unwrap();
        b.same()
    }),
    case!("a run was killed while it wrote", LeftoverStaging, |b| {
        fs::create_dir(books(&b.dir).join("staging/three")).unwrap();
        fs::write(books(&b.dir).join("staging/three/000000.parquet"), "PAR1 half").unwrap();
        b.same()
    }),
    case!("somebody seals a day by hand", WrongSeal, |b| {
        let mark = b.dir.join("year=2025/month=01/day=01/_SUCCESS");
        fs::write(&mark, "").unwrap();
        mode(&mark, 0o640);
        b.same()
    }),
    case!("a pipe stands in a day", Foreign, |b| {
        fifo(&b.dir.join("year=2025/month=01/day=01/pipe"));
        b.same()
    }),
    case!("a pipe is named like a data file", Foreign, |b| {
        fifo(&b.dir.join("year=2025/month=01/day=01/data_20250101_000001-one_7.parquet"));
        b.same()
    }),
    case!("a socket stands in a day", Foreign, |b| {
        let path = b.dir.join("year=2025/month=01/day=01/socket");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        mode(&path, 0o640);
        b.same()
    }),
    case!("a pipe stands in quarantine", Foreign, |b| {
        fifo(&books(&b.dir).join("quarantine/20250101_000009-x.jsonl"));
        b.same()
    }),
    case!("staging is a link to a folder of somebody else", Link, |b| {
        linked(b, "staging");
        b.same()
    }),
    case!("the bin is a link to a folder of somebody else", Link, |b| {
        linked(b, "bin");
        b.same()
    }),
    case!("a partition is a link to a disk that is not there", Unknown, told, |b| {
        let year = b.dir.join("year=2025");
        fs::rename(&year, b.root.join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(b.root.join("not-mounted"), &year).unwrap();
        (b.feed.clone(), Data::Rows(vec![]))
    }),
    case!("one bit of a page flips, and it can still be decoded (found by --deep)", Changed, deep told, |b| {
        flip_unseen(&b.file(0), 4, false);
        b.same()
    }),
    case!("one bit of a footer flips, and it can still be read (found by --deep)", Changed, deep told, |b| {
        flip_unseen(&b.file(0), 4, true);
        b.same()
    }),
    case!("a footer tells a lower greatest ROWTIME than was written", Changed, told, |b| {
        let mut bytes = fs::read(b.file(0)).unwrap();
        let [_, greatest] = lakehand::lake::read_footer(&b.file(0)).unwrap().rowtime.unwrap();
        let end = bytes.len() - 8;
        let length = u32::from_le_bytes(bytes[end..end + 4].try_into().unwrap()) as usize;
        let (written, lower) = (greatest.to_le_bytes(), (greatest - 1).to_le_bytes());
        let found: Vec<_> = (end - length..end - 8).filter(|at| bytes[*at..*at + 8] == written).collect();
        assert!(!found.is_empty(), "the statistics hold it");
        for at in found {
            bytes[at..at + 8].copy_from_slice(&lower);
        }
        fs::write(b.file(0), bytes).unwrap();
        b.same()
    }),
    case!("a file is written anew by another program", Changed, told, |b| {
        rewrite(&b.file(0), Clone::clone);
        b.same()
    }),
    case!("the beginning of a file is overwritten (found by --deep)", Changed, deep told, |b| {
        let mut bytes = fs::read(b.file(0)).unwrap();
        bytes[0] = b'X';
        fs::write(b.file(0), bytes).unwrap();
        b.same()
    }),
    case!("something is appended to a file", Unreadable, |b| {
        let left = b.without(&b.file(0));
        let bytes = [fs::read(b.file(0)).unwrap(), b"more".to_vec()].concat();
        fs::write(b.file(0), bytes).unwrap();
        (b.feed.clone(), left)
    }),
    case!("a file is filled with zeros", Unreadable, |b| {
        let left = b.without(&b.file(0));
        let bytes = fs::read(b.file(0)).unwrap();
        fs::write(b.file(0), vec![0; bytes.len()]).unwrap();
        (b.feed.clone(), left)
    }),
    case!("a file is copied into a deeper folder", Overlap, |b| {
        let deeper = b.dir.join("year=2025/month=01/day=01/hour=00");
        fs::create_dir(&deeper).unwrap();
        mode(&deeper, 0o750);
        copied(&b.file(0), &deeper.join("data_2025010100_copy_1.parquet"));
        b.same()
    }),
    case!("a file that was put aside is cut", BrokenReplaced, told, |b| {
        let path = put_aside(b);
        let bytes = fs::read(b.file(0)).unwrap();
        fs::write(&path, &bytes[..40]).unwrap();
        mode(&path, 0o640);
        b.same()
    }),
    case!("a bit flips in a file that was put aside (found by --deep)", BrokenReplaced, deep told, |b| {
        let path = put_aside(b);
        copied(&b.file(0), &path);
        flip_unseen(&path, 4, false);
        b.same()
    }),
];
