//! How the product starts.

use crate::demo::Demo;

#[test]
fn the_server_stays_the_process_that_was_started_and_has_its_heap_in_huge_pages() {
    let demo = Demo::start(5, 60);
    let pid = demo.said["pid"].as_u64().unwrap();
    assert_eq!(pid, u64::from(demo.pid()), "whoever started it can end it");
    let environment = std::fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    let of_heap = environment.split('\0').find(|set| set.starts_with("GLIBC_TUNABLES=")).unwrap();
    assert_eq!(of_heap.matches("glibc.malloc.hugetlb=").count(), 1, "{of_heap}");
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap();
    assert_eq!(program, std::path::Path::new(env!("CARGO_BIN_EXE_tongke")).canonicalize().unwrap());
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    assert_eq!(arguments.split(|byte| *byte == 0).nth(1), Some(b"demo".as_slice()));
}
