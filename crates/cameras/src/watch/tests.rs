//! Hints from folders that are made and changed by hand, and from the kernel itself.

use std::{
    fs,
    os::{
        fd::AsRawFd as _,
        unix::fs::{lchown, symlink},
    },
    task::Poll,
};

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, sendto, socket,
};

use super::{uevent::tests::from_udev, *};

/// Longer than any wait here ought to be.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longer than any burst.
const SILENCE: Duration = Duration::from_millis(100);

/// Of this folder alone: the machine's own devices are nobody's business.
fn of_folder(folder: &Path) -> Watch {
    Watch::of([("inotify", Folder::open(folder).map(Source::Folder))])
}

async fn told(watch: &mut Watch) -> Hint {
    tokio::time::timeout(PATIENCE, watch.next()).await.expect("a hint comes")
}

async fn is_quiet(watch: &mut Watch) -> bool {
    tokio::time::timeout(SILENCE, watch.next()).await.is_err()
}

fn nodes(numbers: &[u16]) -> Hint {
    Hint { everything: false, nodes: numbers.iter().copied().collect() }
}

#[tokio::test]
async fn a_node_that_comes_is_permitted_is_renamed_and_goes() {
    let dev = tempfile::tempdir().unwrap();
    let at = |name: &str| dev.path().join(name);
    let mut watch = of_folder(dev.path());
    symlink("/dev/null", at("video7")).unwrap();
    assert_eq!(told(&mut watch).await, nodes(&[7]));
    // Given to the one who has it already: said of it anew, as udev does.
    lchown(at("video7"), Some(nix::unistd::Uid::effective().as_raw()), None).unwrap();
    assert_eq!(told(&mut watch).await, nodes(&[7]), "IN_ATTRIB");
    fs::rename(at("video7"), at("video8")).unwrap();
    let mut both = told(&mut watch).await;
    while both.nodes.len() < 2 {
        both.merge(told(&mut watch).await);
    }
    assert_eq!(both, nodes(&[7, 8]));
    fs::remove_file(at("video8")).unwrap();
    assert_eq!(told(&mut watch).await, nodes(&[8]));
    for stranger in ["video", "video07", "vbi0", "videox", "media0"] {
        fs::write(at(stranger), "").unwrap();
    }
    assert!(is_quiet(&mut watch).await);
}

#[tokio::test]
async fn a_burst_is_told_once_and_one_without_end_is_told_too() {
    let dev = tempfile::tempdir().unwrap();
    let mut watch = of_folder(dev.path());
    for number in 0..200 {
        fs::write(dev.path().join(format!("video{number}")), "").unwrap();
    }
    let mut all = told(&mut watch).await;
    while all.nodes.len() < 200 {
        all.merge(told(&mut watch).await);
    }
    assert_eq!(all, nodes(&(0..200).collect::<Vec<_>>()));
    assert!(is_quiet(&mut watch).await);
    let (folder, (stop, stopped)) = (dev.path().to_owned(), std::sync::mpsc::channel::<()>());
    let restless = std::thread::spawn(move || {
        while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            fs::write(folder.join("video3"), "").unwrap();
            fs::remove_file(folder.join("video3")).unwrap();
        }
    });
    let hint = told(&mut watch).await;
    drop(stop);
    restless.join().unwrap();
    assert!(hint == nodes(&[3]) || hint.everything, "{hint:?}");
}

#[tokio::test]
async fn nothing_is_lost_when_the_caller_turns_to_something_else() {
    let dev = tempfile::tempdir().unwrap();
    let mut watch = of_folder(dev.path());
    fs::write(dev.path().join("video1"), "").unwrap();
    // Reads it, and then waits for the burst to settle, which a slow machine may have seen already.
    watch.read().await;
    let mut next = Box::pin(watch.next());
    let polled = std::future::poll_fn(|context| Poll::Ready(next.as_mut().poll(context))).await;
    drop(next);
    let mut all = match polled {
        Poll::Ready(hint) => hint,
        Poll::Pending => Hint::default(),
    };
    fs::write(dev.path().join("video2"), "").unwrap();
    all.merge(told(&mut watch).await);
    assert_eq!(all, nodes(&[1, 2]));
}

#[tokio::test]
async fn more_than_the_kernel_keeps_means_look_everywhere() {
    let max = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let max: usize = max.trim().parse().unwrap();
    if max > 100_000 {
        eprintln!("SKIPPED: this machine keeps {max} events");
        return;
    }
    let dev = tempfile::tempdir().unwrap();
    let mut watch = of_folder(dev.path());
    let (a, b) = (dev.path().join("video1"), dev.path().join("video2"));
    fs::write(&a, "").unwrap();
    for _ in 0..=max / 4 {
        // Two events each, which are not merged with the ones before.
        fs::rename(&a, &b).unwrap();
        fs::rename(&b, &a).unwrap();
    }
    let mut all = told(&mut watch).await;
    while !all.everything {
        all.merge(told(&mut watch).await);
    }
}

#[tokio::test]
async fn a_source_that_ends_is_let_go_and_what_it_may_have_missed_is_looked_for() {
    let dev = tempfile::tempdir().unwrap();
    let folder = dev.path().join("dev");
    fs::create_dir(&folder).unwrap();
    let mut watch = of_folder(&folder);
    fs::remove_dir(&folder).unwrap();
    assert_eq!(told(&mut watch).await, Hint::everything());
    assert!(is_quiet(&mut watch).await && watch.sources.is_empty());
    // None from the beginning: the interval is all there is.
    let mut watch = of_folder(&folder);
    assert!(watch.sources.is_empty() && is_quiet(&mut watch).await);
}

/// The real socket: what the kernel says of something else is no hint, what root's udev says of a node is one,
/// and what is said to us alone is not believed.
#[tokio::test]
async fn uevents_of_this_kernel() {
    let uevents = match Uevents::open().map(Source::Uevents) {
        Ok(uevents) => uevents,
        Err(error) => {
            eprintln!("SKIPPED: no uevents here: {error}");
            return;
        }
    };
    let own = nix::sys::socket::getsockname::<NetlinkAddr>(uevents.as_raw_fd()).unwrap();
    let mut watch = Watch::of([("uevents", Ok(uevents))]);
    let kind = (AddressFamily::Netlink, SockType::Datagram, SockProtocol::NetlinkKObjectUEvent);
    let other = socket(kind.0, kind.1, SockFlag::SOCK_CLOEXEC, kind.2).unwrap();
    // No machine has such a camera.
    let message = from_udev(b"ACTION=change\0SUBSYSTEM=video4linux\0DEVNAME=/dev/video64999\0");
    let send = |port: u32, group: u32| {
        sendto(other.as_raw_fd(), &message, &NetlinkAddr::new(port, group), MsgFlags::empty())
    };
    let sent = send(own.pid(), 0).and_then(|_| send(0, uevent::KERNEL_GROUP));
    if let Err(error) =
        sent.and_then(|_| fs::write("/sys/class/net/lo/uevent", "change").map_err(|_| nix::Error::EPERM))
    {
        eprintln!("SKIPPED: only root may send uevents: {error}");
        return;
    }
    // What came before was heard and not believed, or the hint would have come already.
    assert!(is_quiet(&mut watch).await);
    send(0, uevent::UDEV_GROUP).unwrap();
    assert_eq!(told(&mut watch).await, nodes(&[64999]));
}
