// Choices that a seed gives again.

/** Numbers from 0 to 1 (mulberry32), and what is made of them. */
export class Random {
  #state;

  constructor(seed) {
    this.#state = seed | 0;
  }

  next() {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit) {
    return Math.floor(this.next() * limit);
  }

  chance(probability) {
    return this.next() < probability;
  }

  of(choices) {
    return choices[this.below(choices.length)];
  }
}

/** The seed of a part of the whole, that has a seed of its own. */
export function seedOf(seed, name, index) {
  let hash = seed | 0;
  for (const character of `${name} ${index}`) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  return hash >>> 0;
}
