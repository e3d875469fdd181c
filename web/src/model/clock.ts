/** Time and chance, so that tests can hold them still. */
export interface Clock {
  /** Unix milliseconds. */
  now(): number;
  /** Calls back once after `delay` milliseconds, unless the returned function is called first. */
  after(delay: number, run: () => void): () => void;
  /** At least 0, below 1. */
  random(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after: (delay, run) => {
    const timer = setTimeout(run, delay);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};
