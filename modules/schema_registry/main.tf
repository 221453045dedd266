data "aws_region" "this" {}

locals {
  _name = "${var.name}-registry"
  _port = 8080

  # Apicurio hands what begins with apicurio.kafka.common to its Kafka clients, which
  # check no names of hosts unless told to. The program itself puts KAFKA_PASSWORD in.
  _settings = {
    "apicurio.events.kafka.topic"                                 = "${var.kafka.topic_prefix}.events"
    "apicurio.kafka.common.sasl.jaas.config"                      = "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"${var.kafka.username}\" password=\"$${KAFKA_PASSWORD}\";"
    "apicurio.kafka.common.sasl.mechanism"                        = "SCRAM-SHA-512"
    "apicurio.kafka.common.security.protocol"                     = "SASL_SSL"
    "apicurio.kafka.common.ssl.endpoint.identification.algorithm" = "https"
    "apicurio.kafka.common.ssl.truststore.certificates"           = replace(trimspace(var.kafka.ca_certificate), "\n", " ")
    "apicurio.kafka.common.ssl.truststore.type"                   = "PEM"
    "apicurio.kafkasql.bootstrap.servers"                         = var.kafka.bootstrap_servers
    "apicurio.kafkasql.consumer.group-prefix"                     = "${var.kafka.group_prefix}-"
    "apicurio.kafkasql.snapshots.topic"                           = "${var.kafka.topic_prefix}.snapshots"
    "apicurio.kafkasql.topic"                                     = "${var.kafka.topic_prefix}.journal"
    "apicurio.storage.kind"                                       = "kafkasql"
    "apicurio.storage.snapshot.location"                          = "/tmp/"
    "quarkus.http.port"                                           = tostring(local._port)
  }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/${var.name}/registry"
  retention_in_days = var.log_days
}

resource "aws_ecs_task_definition" "this" {
  family                   = local._name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.size.cpu
  memory                   = var.size.memory_mb
  execution_role_arn       = aws_iam_role.start.arn
  task_role_arn            = aws_iam_role.run.arn

  runtime_platform {
    cpu_architecture        = "X86_64"
    operating_system_family = "LINUX"
  }

  # For what the program unpacks; the rest of its disk is read-only.
  volume {
    name = "tmp"
  }

  container_definitions = jsonencode([{
    name                   = "registry"
    image                  = var.image
    essential              = true
    readonlyRootFilesystem = true
    stopTimeout            = 30
    environment            = [{ name = "JAVA_TOOL_OPTIONS", value = join(" ", [for key, value in local._settings : "-D${key}='${value}'"]) }]
    secrets                = [{ name = "KAFKA_PASSWORD", valueFrom = var.kafka.secret_arn }]
    mountPoints            = [{ sourceVolume = "tmp", containerPath = "/tmp" }]
    portMappings           = [{ containerPort = local._port, protocol = "tcp" }]
    healthCheck = {
      command     = ["CMD-SHELL", "curl -fsS http://127.0.0.1:${local._port}/health/ready || exit 1"]
      interval    = 10
      retries     = 3
      startPeriod = 120
      timeout     = 5
    }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = data.aws_region.this.name
        awslogs-stream-prefix = "registry"
      }
    }
  }])
}

resource "aws_service_discovery_service" "this" {
  name = "registry"

  dns_config {
    namespace_id   = var.network.namespace_id
    routing_policy = "MULTIVALUE"

    dns_records {
      type = "A"
      ttl  = 10
    }
  }

  health_check_custom_config {
    failure_threshold = 1
  }
}

# The schemas are in Kafka: any number of tasks may serve them, and one that comes
# new reads them first.
resource "aws_ecs_service" "this" {
  name            = "registry"
  cluster         = var.ecs_cluster_arn
  task_definition = aws_ecs_task_definition.this.arn
  desired_count   = var.size.tasks
  launch_type     = "FARGATE"
  propagate_tags  = "SERVICE"

  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = [for subnet in var.network.subnets : subnet.id]
    security_groups  = [var.network.security_groups["registry"]]
    assign_public_ip = false
  }

  service_registries {
    registry_arn = aws_service_discovery_service.this.arn
  }

  depends_on = [aws_iam_role_policy.start]
}
