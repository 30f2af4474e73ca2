//! A stored type and the model's type it stands for, from one list of fields or variants.
//!
//! Both conversions take their value apart by name without `..`: a new field or variant of the
//! model does not compile until it has a place on the disk. What can be malformed on the disk (a
//! time, a step's number) is converted by hand, where it is stored.

/// What a stored value means.
pub trait Load<M> {
    fn load(self) -> M;
}

/// The stored form of the model's `M`. Every stored value stands for one.
pub trait Mirror<M>: Load<M> {
    fn store(value: &M) -> Self;
}

macro_rules! as_it_is {
    ($($type:ty),+) => {
        $(
            impl Load<$type> for $type {
                fn load(self) -> $type {
                    self
                }
            }

            impl Mirror<$type> for $type {
                fn store(value: &$type) -> Self {
                    value.clone()
                }
            }
        )+
    };
}
as_it_is!(bool, u32, u64, i64, String);

impl<M, S: Load<M>> Load<Option<M>> for Option<S> {
    fn load(self) -> Option<M> {
        self.map(S::load)
    }
}

impl<M, S: Mirror<M>> Mirror<Option<M>> for Option<S> {
    fn store(value: &Option<M>) -> Self {
        value.as_ref().map(S::store)
    }
}

/// What could not be had, in words.
impl<M, S: Load<M>> Load<Result<M, String>> for Result<S, String> {
    fn load(self) -> Result<M, String> {
        self.map(S::load)
    }
}

impl<M, S: Mirror<M>> Mirror<Result<M, String>> for Result<S, String> {
    fn store(value: &Result<M, String>) -> Self {
        value.as_ref().map(S::store).map_err(Clone::clone)
    }
}

impl<M, S: Load<M>> Load<Vec<M>> for Vec<S> {
    fn load(self) -> Vec<M> {
        self.into_iter().map(S::load).collect()
    }
}

impl<M, S: Mirror<M>> Mirror<Vec<M>> for Vec<S> {
    fn store(value: &Vec<M>) -> Self {
        value.iter().map(S::store).collect()
    }
}

impl<M, N, S: Load<M>, T: Load<N>> Load<(M, N)> for (S, T) {
    fn load(self) -> (M, N) {
        (self.0.load(), self.1.load())
    }
}

impl<M, N, S: Mirror<M>, T: Mirror<N>> Mirror<(M, N)> for (S, T) {
    fn store((first, second): &(M, N)) -> Self {
        (S::store(first), T::store(second))
    }
}

/// `mirror!(struct S = model::M { field: StoredType, … })`, and likewise for an `enum`, whose
/// variants have no value, named fields or one value, which is given a name for the macro's sake.
macro_rules! mirror {
    (struct $name:ident = $model:path { $($field:ident: $type:ty),+ $(,)? }) => {
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub struct $name { $(pub $field: $type),+ }

        impl $crate::journal::mirror::Mirror<$model> for $name {
            fn store(value: &$model) -> Self {
                use $crate::journal::mirror::Mirror;
                use $model as Model;
                let Model { $($field),+ } = value;
                Self { $($field: Mirror::store($field)),+ }
            }
        }

        $crate::journal::mirror::loads!(struct $name = $model { $($field),+ } else {});
    };
    (enum $name:ident = $model:path {
        $($variant:ident $({ $($field:ident: $type:ty),+ })? $(($value:ident: $held:ty))?),+ $(,)?
    }) => {
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($variant $({ $($field: $type),+ })? $(($held))?),+
        }

        impl $crate::journal::mirror::Mirror<$model> for $name {
            fn store(value: &$model) -> Self {
                #[allow(unused_imports, reason = "variants without a value need it not")]
                use $crate::journal::mirror::Mirror;
                use $model as Model;
                match value {
                    $(Model::$variant $({ $($field),+ })? $(($value))? =>
                        Self::$variant $({ $($field: Mirror::store($field)),+ })?
                            $((Mirror::store($value)))?),+
                }
            }
        }

        $crate::journal::mirror::loads!(enum $name = $model {
            $($variant $({ $($field),+ })? $(($value))?),+
        });
    };
}
pub(super) use mirror;

/// The same for a format that is only read. What the model has learned since stands after `else`,
/// with what a record of that format says of it:
/// `frozen!(struct S = model::M { field: StoredType, … } else { new_field: its_value, … })`.
macro_rules! frozen {
    (struct $name:ident = $model:path { $($field:ident: $type:ty),+ $(,)? }
        $(else { $($new:ident: $value:expr),* $(,)? })?) => {
        #[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
        pub struct $name { $(pub $field: $type),+ }

        $crate::journal::mirror::loads!(
            struct $name = $model { $($field),+ } else { $($($new: $value),*)? }
        );
    };
    (enum $name:ident = $model:path {
        $($variant:ident $({ $($field:ident: $type:ty),+ })? $(($value:ident: $held:ty))?),+ $(,)?
    }) => {
        #[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
        pub enum $name {
            $($variant $({ $($field: $type),+ })? $(($held))?),+
        }

        $crate::journal::mirror::loads!(enum $name = $model {
            $($variant $({ $($field),+ })? $(($value))?),+
        });
    };
}
pub(super) use frozen;

macro_rules! loads {
    (struct $name:ident = $model:path { $($field:ident),+ }
        else { $($new:ident: $value:expr),* }) => {
        impl $crate::journal::mirror::Load<$model> for $name {
            fn load(self) -> $model {
                use $crate::journal::mirror::Load;
                use $model as Model;
                let Self { $($field),+ } = self;
                Model { $($field: Load::load($field),)+ $($new: $value),* }
            }
        }
    };
    (enum $name:ident = $model:path {
        $($variant:ident $({ $($field:ident),+ })? $(($value:ident))?),+
    }) => {
        impl $crate::journal::mirror::Load<$model> for $name {
            fn load(self) -> $model {
                #[allow(unused_imports, reason = "variants without a value need it not")]
                use $crate::journal::mirror::Load;
                use $model as Model;
                match self {
                    $(Self::$variant $({ $($field),+ })? $(($value))? =>
                        Model::$variant $({ $($field: Load::load($field)),+ })?
                            $((Load::load($value)))?),+
                }
            }
        }
    };
}
pub(super) use loads;
