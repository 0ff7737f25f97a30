import type { en } from '../en/index.ts';
import { account } from './account.ts';
import { common } from './common.ts';
import { fields } from './fields.ts';
import { live } from './live.ts';
import { providers } from './providers.ts';
import { provisioning } from './provisioning.ts';
import { records } from './records.ts';
import { signIn } from './sign-in.ts';
import { sip } from './sip.ts';
import { trunks } from './trunks.ts';
import { wizard } from './wizard.ts';

export const de: Readonly<Record<keyof typeof en, string>> = {
  ...common,
  ...signIn,
  ...account,
  ...trunks,
  ...live,
  ...wizard,
  ...records,
  ...sip,
  ...providers,
  ...provisioning,
  ...fields,
};
