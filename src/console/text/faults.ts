/** Words of the engine in another language, by a table of its sentences. */

/** Of a sentence that ends with a guess, the guess. */
const GUESS = /(?: \(|; )did you mean "([^"]*)"\?\)?/;

/** Names that stand for a word of the engine's, which is in the table too; the others stand for what somebody wrote. */
const WORDS = new Set(['kind', 'found', 'reason']);

/** What `message` is by the table; as it is where the table does not have it. */
export function translated(message: string, table: Readonly<Record<string, string>>): string {
  const [hint = '', guess] = GUESS.exec(message) ?? [];
  const sentence = hint === '' ? message : message.replace(hint, '');
  for (const [known, words] of Object.entries(table)) {
    const found = patternOf(known).exec(sentence);
    if (found === null) continue;
    const text = words.replace(/\{(\w+)\}/g, (whole, name: string) => {
      const value = found.groups?.[name] ?? whole;
      return WORDS.has(name) && Object.hasOwn(table, value) ? (table[value] ?? value) : value;
    });
    return guess === undefined ? text : `${text}. Meinten Sie „${guess}“?`;
  }
  return message;
}

const patterns = new Map<string, RegExp>();

function patternOf(known: string): RegExp {
  let pattern = patterns.get(known);
  if (pattern === undefined) {
    const escaped = known
      .replace(/[.*+?^$()|[\]\\]/g, '\\$&')
      .replace(/\{(least|most)\}/g, '(?<$1>\\d+)')
      .replace(/\{(\w+)\}/g, '(?<$1>.+?)');
    pattern = new RegExp(`^${escaped}$`, 'su');
    patterns.set(known, pattern);
  }
  return pattern;
}
