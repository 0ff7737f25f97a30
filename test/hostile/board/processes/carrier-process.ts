/** A carrier that answers every call at once. argv: JSON. Prints a line when it listens. */
import { answerCalls } from './carrier.ts';

await answerCalls(JSON.parse(process.argv[2] ?? '') as { host: string; port: number });
console.log('listening');
