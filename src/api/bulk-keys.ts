/** So many items one change may be of, and so many can be picked in the console. Where names are long, the length of the body ends it before. */
export const MOST_KEYS = 100_000;
