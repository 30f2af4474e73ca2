//! A stored type and the model's type it stands for, from one list of fields or variants.
//!
//! Both conversions take their value apart by name without `..`: a new field or variant of the
//! model does not compile until it has a place on the disk. What can be malformed on the disk (a
//! time, a step's number) is converted by hand, where it is stored.

/// The stored form of the model's `M`. Every stored value stands for one.
pub trait Mirror<M> {
    fn store(value: &M) -> Self;
    fn load(self) -> M;
}

macro_rules! as_it_is {
    ($($type:ty),+) => {
        $(impl Mirror<$type> for $type {
            fn store(value: &$type) -> Self {
                value.clone()
            }

            fn load(self) -> $type {
                self
            }
        })+
    };
}
as_it_is!(bool, u32, u64, i64, String);

impl<M, S: Mirror<M>> Mirror<Option<M>> for Option<S> {
    fn store(value: &Option<M>) -> Self {
        value.as_ref().map(S::store)
    }

    fn load(self) -> Option<M> {
        self.map(S::load)
    }
}

impl<M, S: Mirror<M>> Mirror<Vec<M>> for Vec<S> {
    fn store(value: &Vec<M>) -> Self {
        value.iter().map(S::store).collect()
    }

    fn load(self) -> Vec<M> {
        self.into_iter().map(S::load).collect()
    }
}

impl<M, N, S: Mirror<M>, T: Mirror<N>> Mirror<(M, N)> for (S, T) {
    fn store((first, second): &(M, N)) -> Self {
        (S::store(first), T::store(second))
    }

    fn load(self) -> (M, N) {
        (self.0.load(), self.1.load())
    }
}

/// `mirror!(struct S = model::M { field: StoredType, … })`, and likewise for an `enum`, whose
/// variants have no value, named fields or one value, which is given a name for the macro's sake.
macro_rules! mirror {
    (struct $name:ident = $model:path { $($field:ident: $type:ty),+ $(,)? }) => {
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub struct $name { $(pub $field: $type),+ }

        impl $crate::journal::v1::mirror::Mirror<$model> for $name {
            fn store(value: &$model) -> Self {
                use $crate::journal::v1::mirror::Mirror;
                use $model as Model;
                let Model { $($field),+ } = value;
                Self { $($field: Mirror::store($field)),+ }
            }

            fn load(self) -> $model {
                use $crate::journal::v1::mirror::Mirror;
                use $model as Model;
                let Self { $($field),+ } = self;
                Model { $($field: Mirror::load($field)),+ }
            }
        }
    };
    (enum $name:ident = $model:path {
        $($variant:ident $({ $($field:ident: $type:ty),+ })? $(($value:ident: $held:ty))?),+ $(,)?
    }) => {
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($variant $({ $($field: $type),+ })? $(($held))?),+
        }

        impl $crate::journal::v1::mirror::Mirror<$model> for $name {
            fn store(value: &$model) -> Self {
                #[allow(unused_imports, reason = "variants without a value need it not")]
                use $crate::journal::v1::mirror::Mirror;
                use $model as Model;
                match value {
                    $(Model::$variant $({ $($field),+ })? $(($value))? =>
                        Self::$variant $({ $($field: Mirror::store($field)),+ })?
                            $((Mirror::store($value)))?),+
                }
            }

            fn load(self) -> $model {
                #[allow(unused_imports, reason = "variants without a value need it not")]
                use $crate::journal::v1::mirror::Mirror;
                use $model as Model;
                match self {
                    $(Self::$variant $({ $($field),+ })? $(($value))? =>
                        Model::$variant $({ $($field: Mirror::load($field)),+ })?
                            $((Mirror::load($value)))?),+
                }
            }
        }
    };
}
pub(super) use mirror;
