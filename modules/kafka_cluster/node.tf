locals {
  # What cloud-init lays down on a machine. Nothing in it is secret.
  _files = {
    for id, node in var.nodes : id => {
      "/etc/headwater/admin.properties"  = file("${path.module}/node/admin.properties")
      "/etc/headwater/grants"            = join("", [for name, seed in var.seeds : "${name} ${seed.topic_prefix} ${seed.group_prefix}\n"])
      "/etc/headwater/log4j2.xml"        = file("${path.module}/node/log4j2.xml")
      "/etc/headwater/node.env"          = join("", [for key, value in local._env[id] : "${key}='${value}'\n"])
      "/etc/headwater/server.properties" = templatefile("${path.module}/node/server.properties.tftpl", local._settings[id])
      "/etc/headwater/tls/ca.pem"        = aws_acmpca_certificate_authority_certificate.root.certificate

      "/etc/systemd/system/kafka-certificate.service" = file("${path.module}/node/kafka-certificate.service")
      "/etc/systemd/system/kafka-certificate.timer"   = file("${path.module}/node/kafka-certificate.timer")
      "/etc/systemd/system/kafka.service"             = templatefile("${path.module}/node/kafka.service.tftpl", { heap_mb = var.sizes[node.role].heap_mb })
    }
  }

  _programs = {
    for name in fileset("${path.module}/node", "*.sh") :
    "/usr/local/lib/headwater/${name}" => file("${path.module}/node/${name}")
  }

  _env = {
    for id, node in var.nodes : id => {
      ARTIFACT_BUCKET      = aws_s3_bucket.artifacts.bucket
      AUTHORITY_ARN        = aws_acmpca_certificate_authority.this.arn
      AWS_DEFAULT_REGION   = local._region
      CERTIFICATE_TEMPLATE = local._certificate_template
      CLUSTER_ID           = local._id["cluster"]
      CLUSTER_NAME         = var.name
      CONTROLLER_IDS       = join(" ", keys(local._controllers))
      HOST                 = local._hosts[id]
      JAVA_SHA256          = var.artifacts.java_sha256
      KAFKA_SHA256         = var.artifacts.kafka_sha256
      NODE_ID              = id
      PARAMETER_PREFIX     = local._parameter_prefix
      ROLE                 = node.role
      SECRET_PREFIX        = local._secret_prefix
      SEED_USERS           = join(" ", sort(local._users))
      VOTERS               = local._voters
    }
  }

  _settings = {
    for id, node in var.nodes : id => {
      id          = id
      role        = node.role
      rack        = node.zone_id
      host        = local._hosts[id]
      controllers = join(",", [for other in keys(local._controllers) : "${local._hosts[other]}:9093"])
      copies      = local._copies
      in_sync     = max(1, local._copies - 1)
    }
  }

  _cloud_config = {
    for id, files in local._files : id => join("\n", ["#cloud-config", yamlencode({
      users = ["default", { name = "kafka", system = true, homedir = "/var/lib/kafka", no_create_home = true, shell = "/sbin/nologin" }]
      write_files = concat(
        [for path, content in files : { path = path, content = content, permissions = "0644" }],
        [for path, content in local._programs : { path = path, content = content, permissions = "0755" }],
      )
      runcmd = [
        ["systemctl", "daemon-reload"],
        ["systemctl", "enable", "--now", "kafka.service", "kafka-certificate.timer"],
      ]
    })])
  }
}
