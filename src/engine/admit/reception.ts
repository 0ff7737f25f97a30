/**
 * Who is let in, and whom the engine knows: the parts of this folder, with the registrations and the trunks' addresses that they go by. They
 * need no endpoint, so the endpoint is made with them.
 */
import type { Scheduler } from '../../base/scheduler.ts';
import { allAtOnce } from '../../base/steps.ts';
import { Precedence } from '../../provisioning/directory/precedence.ts';
import { nodeOf } from '../../settings/workers.ts';
import { GuessThrottle } from '../../sip/auth/index.ts';
import { StallGuard } from '../../sip/endpoint/index.ts';
import { Identification } from '../../trunks/identification.ts';
import { Acquaintances } from '../acquaintances.ts';
import type { EngineOptions } from '../engine-options.ts';
import { calledNumbersOf } from '../explain/inbound-view.ts';
import type { PeerNodes, PeerPass } from '../peer-nodes.ts';
import { ContactReach } from '../reach.ts';
import { Registrations } from '../registrations.ts';
import type { Served } from '../served.ts';
import { Accounts } from './accounts.ts';
import { Admission } from './admission.ts';
import { Dealing } from './dealing.ts';
import { engineDigest } from './digest.ts';
import { FrontProxies } from './front-proxies.ts';
import { guessBudgets, Intake } from './intake.ts';
import { KnownSources } from './known-sources.ts';
import { SignIns } from './sign-ins.ts';
import { TrustedExtensions } from './trusted-extensions.ts';

export interface ReceptionOptions extends EngineOptions {
  readonly served: Served;
  readonly peers: PeerNodes;
  /** What all nodes of one store have. */
  readonly storeTime: Scheduler;
  readonly pass: PeerPass;
}

export class Reception {
  readonly front: FrontProxies;
  readonly trusted = new TrustedExtensions();
  readonly registrations: Registrations;
  readonly identification: Identification;
  readonly sources: Acquaintances;
  readonly intake: Intake;
  readonly dealing: Dealing | undefined;
  readonly admission: Admission;
  readonly #signIns: SignIns;
  readonly #throttle: GuessThrottle;
  readonly #stallGuard: StallGuard | undefined;

  constructor(options: ReceptionOptions) {
    const { settings, scheduler, log, directory, workers, served } = options;
    const { limits } = settings;
    this.front = new FrontProxies(settings.frontProxies);
    allAtOnce(this.trusted.follow(directory.tenants.map((after) => ({ before: undefined, after }))));
    this.#signIns = new SignIns(options.signInStore, scheduler, log);
    const onSignIn = (pair: string) => this.#signIns.add(pair);
    this.#throttle = new GuessThrottle(scheduler, { ...guessBudgets(limits), onSignIn });
    // The system gives what comes to a port that workers share to any of them, whoever of them the phone is registered at.
    const placeOf = (node: string) => (workers === undefined ? node : nodeOf(node));
    const isHere = (node: string) => placeOf(node) === placeOf(settings.node);
    const signedIn = new KnownSources(isHere, scheduler, limits.knownAfterSignInSeconds * 1000);
    this.identification = new Identification(directory, calledNumbersOf, new Precedence(scheduler), this.front);
    if (options.guardsLoad === true) this.#stallGuard = new StallGuard(scheduler, limits.queueAgeMs);
    if (workers !== undefined) this.dealing = new Dealing(workers, this.identification);

    const { front, trusted, identification } = this;
    const known = { ...options, front, trusted, identification, signedIn, accounts: new Accounts(served) };
    const digest = engineDigest({ ...known, throttle: this.#throttle });
    this.registrations = new Registrations({ ...known, digest, reach: new ContactReach(known) });
    const { registrations } = this;
    this.sources = new Acquaintances({ ...known, registrations });
    this.intake = new Intake({ ...known, sources: this.sources, stallGuard: this.#stallGuard });
    this.admission = new Admission({ ...known, digest, registrations });
  }

  /** Who signed in before, in earlier lives of the process. */
  async restore(): Promise<void> {
    this.#throttle.restore(await this.#signIns.load());
  }

  stop(): void {
    this.#stallGuard?.stop();
  }

  /** Writes what waits. */
  async flush(): Promise<void> {
    await this.#signIns.flush();
  }
}
