# The one public address of the platform: HTTPS to the collector, and only to the
# paths that events come to.
locals {
  _public = var.listener == null ? toset([]) : toset([var.name])
  _short  = trimsuffix(substr("${var.platform.name}-${var.name}", 0, 32), "-") # as long as a balancer's name may be
}

resource "aws_lb" "this" {
  for_each = local._public

  name                       = local._short
  load_balancer_type         = "application"
  internal                   = false
  subnets                    = values(var.platform.network.public_subnets)
  security_groups            = [var.platform.network.security_groups["load_balancer"]]
  drop_invalid_header_fields = true
  enable_deletion_protection = var.platform.deletion_protection
  idle_timeout               = 75

  tags = { "headwater:role" = "collector" }
}

resource "aws_lb_target_group" "this" {
  for_each = local._public

  name                 = local._short
  vpc_id               = var.platform.network.vpc_id
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = var.listener.port
  deregistration_delay = 20 # longer than a request may take

  # ECS replaces a task that fails these: not one that starts, nor all of them when
  # the brokers are away for some seconds.
  health_check {
    path                = "/readyz"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 6
  }
}

resource "aws_lb_listener" "this" {
  for_each = local._public

  load_balancer_arn = aws_lb.this[each.key].arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.listener.certificate_arn

  # Metrics and health are nobody's business out there.
  default_action {
    type = "fixed-response"
    fixed_response {
      content_type = "application/json"
      message_body = jsonencode({ error = "not_found", message = "events go to POST /v1/events, Segment's calls to POST /v1/track and its siblings" })
      status_code  = "404"
    }
  }
}

resource "aws_lb_listener_rule" "events" {
  for_each = local._public

  listener_arn = aws_lb_listener.this[each.key].arn
  priority     = 1

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[each.key].arn
  }

  condition {
    path_pattern {
      values = ["/v1/*"]
    }
  }
}
