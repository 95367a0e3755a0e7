/** What `../sift.ts` was asked before, and its answers; `../memory.ts` knows the same offsets. */

/** The minute that stamps were of last: its text (`length`), and what follows the seconds' fraction. */
@unmanaged
export class Minute {
  micros: f64;
  length: u32;
  offsetLength: u32;
  offset: u64;

  get text(): usize {
    return changetype<usize>(this) + offsetof<Minute>();
  }
  get offsetText(): usize {
    return changetype<usize>(this) + offsetof<Minute>('offset');
  }
}

/** Who wrote a line, its text `HOST NAME` behind it. */
@unmanaged
export class Origin {
  length: u32;
  lane: u32;
  place: i32;
  salt: u32;
  isUsed: u32;

  get text(): usize {
    return changetype<usize>(this) + offsetof<Origin>();
  }
}

/** The salt of the relay at an address as another relay sees it, 0 for none of ours; its text behind it. */
@unmanaged
export class Address {
  length: u32;
  seenFromSalt: u32;
  salt: u32;

  get text(): usize {
    return changetype<usize>(this) + offsetof<Address>();
  }
}
