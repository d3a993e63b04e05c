// Package metrics counts what voicemail does, for Prometheus, under the names and labels of the documented product, so that its dashboards and alert rules keep
// working.
//
//	m, err := metrics.New(prometheus.DefaultRegisterer, nil) // or any other Registerer
//	t := m.Tenant("t100")
//	svc, err := voicemail.Open(ctx, t.Regions(regions), &voicemail.Options{Tenant: "t100", Observer: t.Observer(lamps.Observe)})
//	box := t.Mailbox(svc.Mailbox("5001"))
//
// Nothing is registered anywhere else, and the library does not import this package: who does not want metrics links none of it.
//
// # The product's metrics
//
// The product publishes the names, the labels and its alert rules; of types, units and the meaning of values it says nothing. What these say here:
//
//	voicemail_storage_request_total{tenant}         requests to a storage that have ended
//	voicemail_storage_request_passed_total{tenant}  those that were answered, also with "there is none" or "there is one already"
//	voicemail_storage_request_failed_total{tenant}  those that were not done, or were not permitted; the rest was given up by its caller
//	voicemail_storage_access_latency                histogram of how long requests took, in seconds; of an Open until its first byte
//	voicemail_storage_alive                         1 if every account can be accessed, 0 otherwise
//	voicemail_storage_failed_account{StorageAccount} 0 if the account can be accessed, otherwise a failure code, see [Failure]
//	voicemail_deposit_call_rate{tenant}             messages taken in the last minute, by the second
//	voicemail_access_call_rate{tenant}              calls of users to their mailboxes in the last minute, by the second
//	voicemail_tui_request_total{tenant}             what users asked the telephone menu for
//	voicemail_config_request_total{tenant}          requests to where the configuration is, and
//	voicemail_config_request_failed_total{tenant}   those that failed
//	voicemail_consul_request_total{tenant}, voicemail_consul_request_failed_total{tenant}  likewise, to Consul
//	voicemail_gws_request_total{tenant}, voicemail_gws_request_failed_total{tenant}        likewise, to GWS
//	voicemail_redis_connection_failure              connections to Redis that failed
//
// Those of the storage come from a Store that [Tenant.Store] or [Tenant.Regions] has wrapped. The rate of deposits comes from [Tenant.Observer].
//
// The others tell of what only the application does, and it tells: [Tenant.AccessCall] and [Tenant.TUIRequest] where calls come in, [Tenant.ConfigRequest],
// [Tenant.ConsulRequest] and [Tenant.GWSRequest] where it asks for configuration, finds services and verifies tokens, [Metrics.RedisConnectionFailure] if its bus is Redis. The library itself needs no Redis, no Consul and no configuration
// service. What is never told does not appear; a rule about it stays silent.
//
// log_output_bytes_total, on which the product has an alert too, is the platform's, by container, and so are memory, CPU, restarts and the phases of pods.
//
// # Accounts
//
// A region is an account: its name is the label StorageAccount, unless [Tenant.Store] is given another one. An account has failed when the last request that only reads, or
// the last that writes, was not permitted or not done. It is well again with the next such request that is answered, and with a storage.Pinger's Ping, which does both: have the health check of
// the service ping a wrapped Store, so that the alert ends, and begins, also while nobody calls. Missing objects, damaged ones and deletions that a lock forbids say nothing of the account.
//
// # More
//
//	voicemail_storage_operation_total{StorageAccount,operation,outcome}  requests by what they were and how they ended
//	voicemail_operation_total{operation,outcome}                         calls of methods of wrapped mailboxes and messages, and of [Tenant.Operation]
//	voicemail_operation_seconds{operation}                               histogram of how long they took
//	voicemail_event_total{tenant,kind}                                   changes, by voicemail.EventKind
//
// An outcome is "ok", "canceled", or the kind of the error, such as "mailbox_full" or "unavailable": one of some thirty. No label holds a number, a mailbox, a
// message, or the name of an object.
package metrics
