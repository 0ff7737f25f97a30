/** The demo's phone or carrier as a process of its own: talks JSON lines with the demo over its standard streams. argv: carrier | phone OPTIONS. */
import { createInterface } from 'node:readline';
import { DemoCarrier, DemoPhone, type DemoPhoneOptions } from './demo-peer.ts';

const say = (message: object) => process.stdout.write(`${JSON.stringify(message)}\n`);

async function runCarrier(): Promise<void> {
  const carrier = new DemoCarrier((invite) => say({ invite }));
  await carrier.peer.open();
  say({ port: carrier.peer.port });
}

async function runPhone(options: DemoPhoneOptions, dial: string): Promise<void> {
  const phone = new DemoPhone(options);
  await phone.peer.open();
  say({ registered: await phone.register() });
  const talk = () => new Promise<void>((resolve) => setTimeout(resolve, 500));
  const { status, callId } = await phone.call(dial, async () => {
    say({ answered: true });
    await talk();
  });
  say({ status, callId });
  phone.peer.close();
}

const [role, json = '{}', dial = ''] = process.argv.slice(2);
if (role === 'carrier') {
  await runCarrier();
  // The demo ends this process by closing its standard input.
  createInterface({ input: process.stdin }).on('close', () => process.exit(0));
} else {
  await runPhone(JSON.parse(json) as DemoPhoneOptions, dial);
}
