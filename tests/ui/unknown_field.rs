use std::marker::PhantomData;

#[cacheme::node(storage = "hot", key = "user:{id}:info")]
struct UserInfo<T> {
    user_id: u64,
    marker: PhantomData<T>,
}

#[cacheme::node(storage = "hot", key = "user:{0}:{1}")]
struct Tuple(u64);

#[cacheme::node(storage = "hot", key = "all:{page}")]
struct Unit;

#[cacheme::node(storage = "hot", key = "typed:{marker}")]
struct Typed {
    marker: PhantomData<u64>,
}

#[cacheme::node(storage = "hot", key = "raw:{tpye}")]
struct Raw {
    r#type: u64,
}

fn main() {}
