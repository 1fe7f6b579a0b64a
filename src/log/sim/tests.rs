//! The simulated disk itself: what it keeps, what it loses, and where faults hit.

use super::world::SECTOR;
use super::*;

fn sectors(disk: &SimDisk, path: &str) -> Vec<u8> {
    disk.contents(path).unwrap_or_default().chunks(SECTOR).map(|s| s[0]).collect()
}

#[test]
fn synced_bytes_and_names_outlive_a_power_cut_and_others_come_and_go_by_sector() {
    let (mut torn, mut nameless, mut reordered) = (0, 0, 0);
    for seed in 0..200 {
        let disk = SimDisk::new(seed);
        let file = disk.create("d/a").unwrap();
        file.write_at(0, &[1; 4 * SECTOR]).unwrap();
        file.sync_data().unwrap();
        disk.sync_dir("d").unwrap();
        file.write_at(0, &[2; 4 * SECTOR]).unwrap();
        file.write_at(4 * SECTOR as u64, &[3; SECTOR]).unwrap();
        disk.create("d/b").unwrap();
        disk.power_cut();
        assert!(file.len().is_err(), "handles of before are dead");
        let now = sectors(&disk, "d/a");
        assert!(now[..4].iter().all(|b| *b == 1 || *b == 2), "{now:?}");
        torn += u32::from(now[..4].contains(&1) && now[..4].contains(&2));
        reordered += u32::from(now.get(4) == Some(&3) && now[..4].contains(&1));
        nameless += u32::from(disk.contents("d/b").is_none());
    }
    assert!(torn > 20 && reordered > 20 && nameless > 20, "{torn} {reordered} {nameless}");
}

#[test]
fn a_later_sync_does_not_bring_back_what_a_failed_one_lost() {
    let lost = (0..50)
        .filter(|seed| {
            let disk = SimDisk::new(*seed);
            let file = disk.create("a").unwrap();
            disk.sync_dir("").unwrap();
            file.write_at(0, &[1; SECTOR]).unwrap();
            disk.fail(disk.operations(), Fault::Eio, false);
            assert!(file.sync_data().is_err());
            file.sync_data().unwrap();
            disk.power_cut();
            disk.contents("a").unwrap().is_empty()
        })
        .count();
    assert!(lost > 5, "{lost}");
}

#[test]
fn faults_hit_the_operation_they_name() {
    let disk = SimDisk::new(1);
    let file = disk.create("a").unwrap();
    disk.fail(1, Fault::Enospc, false);
    assert_eq!(file.write_at(0, &[1]).unwrap_err().raw_os_error(), Some(ENOSPC));
    file.write_at(0, &[1]).unwrap();
    disk.fail(3, Fault::Eio, true);
    assert!(file.sync_data().is_err() && disk.remove("a").is_err());
    disk.heal();
    assert!(file.sync_data().is_ok() && disk.remove("a").is_ok());
}
