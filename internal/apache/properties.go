package apache

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// nodePrincipal is who every node is to the others. Only a certificate that our
// own authority issued to a node is mapped to it.
const nodePrincipal = "User:CN=node"

// principalRule maps "CN=node-3,O=headwater-node" to nodePrincipal's name; any
// other certificate keeps its own.
const principalRule = `RULE:^CN=node-[0-9]+,O=` + organization + `$/CN=node/,DEFAULT`

// properties renders the server.properties of one node.
func (l layout) properties(n node, o Options) string {
	p := map[string]string{
		"node.id":                             strconv.Itoa(n.ID),
		"log.dirs":                            filepath.Join(n.dir(o.DataDir), "data"),
		"controller.quorum.bootstrap.servers": addresses(l.controllers(), listenerController),
		"controller.listener.names":           listenerController,
		"inter.broker.listener.name":          listenerReplication,
		"listener.security.protocol.map":      protocols(),
		"authorizer.class.name":               "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"allow.everyone.if.no.acl.found":      "false",
		"super.users":                         superUsers(o),
		"ssl.principal.mapping.rules":         principalRule,
		// The second is where a new password stands while the old one still counts.
		"sasl.enabled.mechanisms":              "SCRAM-SHA-512,SCRAM-SHA-256",
		"listener.name.client.ssl.client.auth": "none",
		"ssl.client.auth":                      "required",
		"ssl.keystore.type":                    "PEM",
		"ssl.keystore.location":                filepath.Join(n.dir(o.DataDir), certificateFile),
		"ssl.truststore.type":                  "PEM",
		"ssl.truststore.location":              caFile(o.DataDir),
		"auto.create.topics.enable":            "false",
		"group.initial.rebalance.delay.ms":     "0",
		// A processor's session timeout, also where the brokers assign.
		"group.consumer.session.timeout.ms":            "10000",
		"group.consumer.min.session.timeout.ms":        "6000",
		"group.consumer.heartbeat.interval.ms":         "1000",
		"group.consumer.min.heartbeat.interval.ms":     "500",
		"offsets.topic.num.partitions":                 "12",
		"transaction.state.log.num.partitions":         "12",
		"share.coordinator.state.topic.num.partitions": "12",
		// A dead task's open transaction holds readers back until this looks.
		"transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
		// Small machines: the defaults size buffers and pools for a dedicated one.
		"log.cleaner.dedupe.buffer.size":                  "8388608",
		"log.cleaner.io.buffer.size":                      "131072",
		"log.cleaner.threads":                             "1",
		"num.network.threads":                             "2",
		"num.io.threads":                                  "4",
		"num.recovery.threads.per.data.dir":               "1",
		"background.threads":                              "4",
		"group.coordinator.threads":                       "1",
		"share.coordinator.threads":                       "1",
		"metadata.log.max.record.bytes.between.snapshots": "4194304",
	}
	for _, listener := range []string{listenerClient, listenerOpenSASL} {
		for _, mechanism := range []string{"scram-sha-512", "scram-sha-256"} {
			p["listener.name."+strings.ToLower(listener)+"."+mechanism+".sasl.jaas.config"] = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
		}
	}
	maps.Copy(p, replication(min(o.Brokers, 3)))
	maps.Copy(p, n.place(o))
	maps.Copy(p, o.Settings)
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(p)) {
		fmt.Fprintf(&text, "%s=%s\n", key, strings.ReplaceAll(p[key], `\`, `\\`))
	}
	return text.String()
}

// replication is how many copies there are of everything and how many must have
// a record before it is acknowledged: all but one, where there is more than one.
func replication(factor int) map[string]string {
	copies, inSync := strconv.Itoa(factor), strconv.Itoa(max(1, factor-1))
	return map[string]string{
		"default.replication.factor":                       copies,
		"offsets.topic.replication.factor":                 copies,
		"transaction.state.log.replication.factor":         copies,
		"share.coordinator.state.topic.replication.factor": copies,
		"min.insync.replicas":                              inSync,
		"transaction.state.log.min.isr":                    inSync,
		"share.coordinator.state.topic.min.isr":            inSync,
	}
}

// place is what only this node has: its roles, its rack, its addresses.
func (n node) place(o Options) map[string]string {
	var roles, listeners, advertised []string
	if n.Broker {
		roles = append(roles, "broker")
	}
	if n.Controller {
		roles = append(roles, "controller")
	}
	for _, listener := range n.listeners(o.Open) {
		address := n.address(listener)
		listeners = append(listeners, listener+"://"+address)
		if o.Advertise != nil && listener != listenerReplication && listener != listenerController {
			address = o.Advertise(address)
		}
		advertised = append(advertised, listener+"://"+address)
	}
	p := map[string]string{
		"process.roles":        strings.Join(roles, ","),
		"listeners":            strings.Join(listeners, ","),
		"advertised.listeners": strings.Join(advertised, ","),
	}
	if n.Broker {
		p["broker.rack"] = n.Rack
	}
	return p
}

func protocols() string {
	return strings.Join([]string{
		listenerClient + ":SASL_SSL", listenerReplication + ":SSL", listenerController + ":SSL",
		listenerOpen + ":PLAINTEXT", listenerOpenSASL + ":SASL_PLAINTEXT",
	}, ",")
}

func superUsers(o Options) string {
	users := []string{"User:" + o.Username, nodePrincipal}
	if o.Open {
		users = append(users, "User:ANONYMOUS")
	}
	return strings.Join(users, ";")
}

func addresses(nodes []node, listener string) string {
	var list []string
	for _, n := range nodes {
		list = append(list, n.address(listener))
	}
	return strings.Join(list, ",")
}
