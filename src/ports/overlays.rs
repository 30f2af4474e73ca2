//! Overlay file systems: a file there is a file of a layer as well, with an inode of its own in
//! each, and the kernel tells neither's users when it is asked about the other.

use std::path::{Path, PathBuf};

/// What is mounted where, as far as it takes to tell which names of layers a file has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overlays {
    /// In the order in which they were mounted; empty where none of them is an overlay.
    mounts: Vec<Mounted>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounted {
    pub point: PathBuf,
    /// `None`: it is another kind of file system, and hides what is below its mount point.
    pub overlay: Option<Layered>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layered {
    /// The folder of the overlay that is mounted there.
    pub root: PathBuf,
    /// Folders, the topmost first, as they were named when it was mounted: not of this mount
    /// namespace where a container's engine made it, and then nothing is found there.
    pub layers: Vec<PathBuf>,
}

impl Overlays {
    pub fn new(mounts: Vec<Mounted>) -> Self {
        match mounts.iter().any(|mounted| mounted.overlay.is_some()) {
            true => Self { mounts },
            false => Self::default(),
        }
    }

    /// The file of a layer that the file at the real path is, with its name there, as `look` finds
    /// it: the topmost one hides the others.
    pub fn beneath<T>(
        &self,
        path: &Path,
        look: impl Fn(&Path) -> Option<T>,
    ) -> Option<(PathBuf, T)> {
        let mut names = self.names(path).into_iter();
        names.find_map(|name| look(&name).map(|found| (name, found)))
    }

    /// The names that the file would have in each layer, whether or not it is there; none where it
    /// is on no overlay. `path` is real.
    fn names(&self, path: &Path) -> Vec<PathBuf> {
        let deepest = self
            .mounts
            .iter()
            .enumerate()
            .filter(|(_, mounted)| path.starts_with(&mounted.point))
            // Of two at the same place, the later covers the earlier.
            .max_by_key(|(order, mounted)| (mounted.point.as_os_str().len(), *order));
        let Some((_, Mounted { point, overlay })) = deepest else {
            return Vec::new();
        };
        let Some(Layered { root, layers }) = overlay else {
            return Vec::new();
        };
        let Ok(below) = path.strip_prefix(point) else {
            return Vec::new();
        };
        let inside = root.strip_prefix("/").unwrap_or(root).join(below);
        layers.iter().map(|layer| layer.join(&inside)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_name_in_each_layer_of_the_mount_it_is_on() {
        let mounted = |point: &str, overlay: Option<(&str, &[&str])>| Mounted {
            point: point.into(),
            overlay: overlay.map(|(root, layers)| Layered {
                root: root.into(),
                layers: layers.iter().map(PathBuf::from).collect(),
            }),
        };
        let all = Overlays::new(vec![
            mounted("/", None),
            mounted("/mg", Some(("/", &["/up", "/lw"]))),
            mounted("/mg/plain", None),
            mounted("/bound", Some(("/a", &["/up", "/lw"]))),
        ]);
        let names = |path: &str| all.names(Path::new(path));
        assert_eq!(
            names("/mg/a/x"),
            [Path::new("/up/a/x"), Path::new("/lw/a/x")]
        );
        assert_eq!(
            names("/bound/x"),
            [Path::new("/up/a/x"), Path::new("/lw/a/x")]
        );
        for path in ["/x", "/mg/plain/x", "/mgx/x"] {
            assert!(names(path).is_empty(), "{path}");
        }
    }
}
