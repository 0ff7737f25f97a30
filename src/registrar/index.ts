/** The registrar. Import from here. */
export { aorKey, aorParts, splitAor } from './aor.ts';
export { type Binding, phoneOf } from './binding.ts';
export type {
  AccountLookup,
  BindingChange,
  BindingStore,
  KeptBindings,
  RegisterAccount,
  RegistrarFlow,
  SignInStore,
  StoredBinding,
  StoredRemoval,
} from './ports.ts';
export { RegisterHandler, type RegisterRefused } from './register-handler.ts';
export {
  Registrar,
  type RegistrarOptions,
  type RegistrationListener,
  type RemovalReason,
} from './registrar.ts';
export { contactOf, nameOf } from './shared-contact.ts';
