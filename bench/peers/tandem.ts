import type { Server } from '../kit/server.ts';
export async function startTandem(_carrierPort: number): Promise<Server> {
  throw new Error('not yet');
}
