//! Where hints come from: the netlink socket for uevents, and inotify on the folder of devices. Each reads
//! what there is without waiting; what is done with it, and when, is not decided here.

use std::{
    io::{self, IoSliceMut},
    os::fd::{AsFd as _, AsRawFd, OwnedFd, RawFd},
    path::Path,
};

use nix::{
    cmsg_space,
    errno::Errno,
    sys::{
        inotify::{AddWatchFlags, InitFlags, Inotify},
        socket::{
            AddressFamily, ControlMessageOwned, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType,
            UnixCredentials, bind, recvmsg, setsockopt, socket, sockopt::PassCred,
        },
    },
};

use super::{Hint, uevent};
use crate::v4l2;

/// Larger than any message: the kernel's have at most 2 KiB of pairs (`UEVENT_BUFFER_SIZE`), udev's 8 KiB.
const MESSAGE_BYTES: usize = 16 * 1024;

/// Something that tells of nodes.
#[derive(Debug)]
pub(super) enum Source {
    Uevents(Uevents),
    Folder(Folder),
}

impl Source {
    /// What was told, which may be nothing. `WouldBlock`: not now; another error: it will tell no more.
    pub(super) fn read(&self) -> io::Result<Hint> {
        match self {
            Self::Uevents(source) => source.read(),
            Self::Folder(source) => source.read(),
        }
    }

    /// For the log.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Uevents(_) => "uevents",
            Self::Folder(_) => "inotify",
        }
    }
}

impl AsRawFd for Source {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Uevents(source) => source.0.as_raw_fd(),
            Self::Folder(source) => source.0.as_fd().as_raw_fd(),
        }
    }
}

/// What the kernel and udev send to everybody.
#[derive(Debug)]
pub(super) struct Uevents(OwnedFd);

impl Uevents {
    pub(super) fn open() -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let kind = (AddressFamily::Netlink, SockType::Datagram, SockProtocol::NetlinkKObjectUEvent);
        let socket = socket(kind.0, kind.1, flags, kind.2)?;
        setsockopt(&socket, PassCred, &true)?;
        let groups = uevent::KERNEL_GROUP | uevent::UDEV_GROUP;
        // 0: the kernel chooses our port.
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
        Ok(Self(socket))
    }

    fn read(&self) -> io::Result<Hint> {
        let mut message = vec![0; MESSAGE_BYTES];
        let mut room = cmsg_space!(UnixCredentials);
        let mut parts = [IoSliceMut::new(&mut message)];
        let received =
            recvmsg::<NetlinkAddr>(self.0.as_raw_fd(), &mut parts, Some(&mut room), MsgFlags::empty());
        let received = match received {
            Ok(received) => received,
            // Messages were lost, nobody knows which.
            Err(Errno::ENOBUFS) => return Ok(Hint::everything()),
            Err(Errno::EINTR) => return Ok(Hint::default()),
            Err(error) => return Err(error.into()),
        };
        let user = received.cmsgs().ok().and_then(|mut all| {
            all.find_map(|one| match one {
                ControlMessageOwned::ScmCredentials(sender) => Some(sender.uid()),
                _ => None,
            })
        });
        let trusted =
            received.address.is_some_and(|from| uevent::is_trusted(from.groups(), from.pid(), user));
        let (bytes, cut) = (received.bytes, received.flags.contains(MsgFlags::MSG_TRUNC));
        Ok(match uevent::parse(&message[..bytes]) {
            _ if !trusted => Hint::default(),
            _ if cut => Hint::everything(),
            Some(uevent) => {
                tracing::debug!(action = uevent.action, node = uevent.number, "uevent");
                Hint::node(uevent.number)
            }
            None => Hint::default(),
        })
    }
}

/// What is made, removed and permitted in the folder of devices.
#[derive(Debug)]
pub(super) struct Folder(Inotify);

impl Folder {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        // IN_ATTRIB: udev makes a node and then says who may open it.
        let events = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        inotify.add_watch(folder, events)?;
        Ok(Self(inotify))
    }

    fn read(&self) -> io::Result<Hint> {
        let mut hint = Hint::default();
        for event in self.0.read_events()? {
            if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
                hint.merge(Hint::everything());
            } else if event.mask.intersects(AddWatchFlags::IN_IGNORED | AddWatchFlags::IN_MOVE_SELF) {
                return Err(io::Error::new(io::ErrorKind::NotFound, "the folder of devices is gone"));
            } else if let Some(number) = event.name.and_then(|name| v4l2::number_of(name.to_str()?)) {
                hint.merge(Hint::node(number));
            }
        }
        Ok(hint)
    }
}
