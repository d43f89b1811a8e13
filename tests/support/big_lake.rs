//! A lake of many feeds and partitions, as its records and folders say; the files hold no rows.

#![allow(unreachable_pub, reason = "a module of a test binary")]

use std::path::Path;

use serde_json::json;

/// Makes `feeds` stream feeds with `partitions` days each below the project folder `root`.
pub fn make(root: &Path, feeds: usize, partitions: usize) {
    let content = vec![0; 4096];
    for feed in 0..feeds {
        let name = format!("stream_{feed:04}");
        let text = json!({ "feed_name": name, "feed_type": "stream", "ksqldb_source": name });
        let file = root.join("feeds/active").join(format!("{name}.json"));
        std::fs::write(file, text.to_string()).unwrap();
        let dataset = root.join("data_lake/streams").join(&name);
        let paths: Vec<_> = (0..partitions)
            .map(|day| format!("year=2025/month={:02}/day={:02}", 1 + day / 28, 1 + day % 28))
            .collect();
        for path in &paths {
            let folder = dataset.join(path);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("data_20250101_000001-1f2e3d4c_1.parquet"), &content).unwrap();
        }
        let listed: Vec<_> = paths
            .iter()
            .map(|path| json!({ "path": path, "records": 1000 + feed, "size_mb": 0.004, "bytes": 4096, "files": 1 }))
            .collect();
        let metadata = json!({
            "source": name, "type": "stream", "storage_mode": "append", "format": "parquet", "partitioning": "date",
            "last_export": "2025-03-01T00:00:00Z", "total_records": (1000 + feed) * partitions,
            "total_size_mb": 0.08, "partitions": listed, "schema_version": "1.0",
            "created_at": "2025-01-01T00:00:00Z", "total_bytes": 4096 * partitions, "total_files": partitions,
            "caught_up": true, "complete_through": "2025-03-01T00:00:00Z", "checked_at": "2025-03-01T00:00:00Z",
        });
        std::fs::write(dataset.join("_metadata.json"), metadata.to_string()).unwrap();
    }
}
