/** Which of this engine's addresses a trunk is told, in Contact and in Via. */
import type { AddressScope } from '../../base/address-scope.ts';
import type { Trunk } from './schema.ts';
import { namedAddress } from './teams.ts';

type Place = Parameters<typeof namedAddress>[1];

/** Of Contact, and of Via where nothing else is said there. */
export function scopeOf({ options }: Pick<Trunk, 'options'>): AddressScope {
  return options.usePrivateIp ? 'private' : 'public';
}

/** Of Via: `rewriteViaHost` puts the public address there, on a trunk with `usePrivateIp` too. */
export function viaScopeOf({ options }: Pick<Trunk, 'options'>): AddressScope {
  return options.usePrivateIp && !options.rewriteViaHost ? 'private' : 'public';
}

/** What Via says in place of what the socket would; undefined: nothing else, or nothing is known of it. */
export function viaOf(
  trunk: Pick<Trunk, 'options' | 'teams'>,
  addressOf: (scope: AddressScope) => Place | undefined,
): { readonly viaHost: string; readonly viaPort: number } | undefined {
  if (!trunk.options.rewriteViaHost && trunk.teams === undefined) return undefined;
  const address = addressOf(viaScopeOf(trunk));
  if (address === undefined) return undefined;
  const { host, port } = namedAddress(trunk, address);
  return { viaHost: host, viaPort: port };
}
