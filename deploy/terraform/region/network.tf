# Three kinds of subnet in each of three zones: public (load balancer, NAT), private (tasks), database (no way out).

locals {
  zones = { for index, zone in var.availability_zones : zone => index }
  # Of 10.0.0.0/16: private 10.0.0.0/20 and on, 4091 addresses each; public 10.0.64.0/24, database 10.0.80.0/24 and on.
  private_cidrs  = { for zone, index in local.zones : zone => cidrsubnet(var.cidr, 4, index) }
  public_cidrs   = { for zone, index in local.zones : zone => cidrsubnet(var.cidr, 8, 64 + index) }
  database_cidrs = { for zone, index in local.zones : zone => cidrsubnet(var.cidr, 8, 80 + index) }

  nat_zones = toset(var.single_nat ? [var.availability_zones[0]] : var.availability_zones)

  public_subnet_ids   = [for zone in var.availability_zones : aws_subnet.public[zone].id]
  private_subnet_ids  = [for zone in var.availability_zones : aws_subnet.private[zone].id]
  database_subnet_ids = [for zone in var.availability_zones : aws_subnet.database[zone].id]
}

resource "aws_vpc" "main" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = { Name = local.prefix }
}

# Closed: whatever is started without a security group of its own reaches nothing.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.main.id
  tags   = { Name = "${local.prefix}-default-closed" }
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
  tags   = { Name = local.prefix }
}

# --- Public: load balancer and NAT ---

resource "aws_subnet" "public" {
  for_each = local.zones

  vpc_id                  = aws_vpc.main.id
  availability_zone       = each.key
  cidr_block              = local.public_cidrs[each.key]
  map_public_ip_on_launch = false
  tags                    = { Name = "${local.prefix}-public-${each.key}" }
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id
  tags   = { Name = "${local.prefix}-public" }
}

resource "aws_route" "public_internet" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.main.id
}

resource "aws_route_table_association" "public" {
  for_each = local.zones

  subnet_id      = aws_subnet.public[each.key].id
  route_table_id = aws_route_table.public.id
}

resource "aws_eip" "nat" {
  for_each = local.nat_zones

  domain = "vpc"
  tags   = { Name = "${local.prefix}-nat-${each.key}" }
}

resource "aws_nat_gateway" "main" {
  for_each = local.nat_zones

  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.public[each.key].id
  tags          = { Name = "${local.prefix}-${each.key}" }

  depends_on = [aws_internet_gateway.main]
}

# --- Private: tasks, which reach outside through their own zone's NAT gateway ---

resource "aws_subnet" "private" {
  for_each = local.zones

  vpc_id            = aws_vpc.main.id
  availability_zone = each.key
  cidr_block        = local.private_cidrs[each.key]
  tags              = { Name = "${local.prefix}-private-${each.key}" }
}

resource "aws_route_table" "private" {
  for_each = local.zones

  vpc_id = aws_vpc.main.id
  tags   = { Name = "${local.prefix}-private-${each.key}" }
}

resource "aws_route" "private_nat" {
  for_each = local.zones

  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.main[var.single_nat ? var.availability_zones[0] : each.key].id
}

resource "aws_route_table_association" "private" {
  for_each = local.zones

  subnet_id      = aws_subnet.private[each.key].id
  route_table_id = aws_route_table.private[each.key].id
}

# --- Database: one table without a route, so that nothing leads in from or out to the internet ---

resource "aws_subnet" "database" {
  for_each = local.zones

  vpc_id            = aws_vpc.main.id
  availability_zone = each.key
  cidr_block        = local.database_cidrs[each.key]
  tags              = { Name = "${local.prefix}-database-${each.key}" }
}

resource "aws_route_table" "database" {
  vpc_id = aws_vpc.main.id
  tags   = { Name = "${local.prefix}-database" }
}

resource "aws_route_table_association" "database" {
  for_each = local.zones

  subnet_id      = aws_subnet.database[each.key].id
  route_table_id = aws_route_table.database.id
}

# --- Who talked to whom ---

resource "aws_flow_log" "main" {
  vpc_id                   = aws_vpc.main.id
  traffic_type             = "ALL"
  log_destination_type     = "s3"
  log_destination          = "${aws_s3_bucket.access_logs.arn}/${local.flow_log_prefix}"
  max_aggregation_interval = 600
  tags                     = { Name = "${local.prefix}-flow" }

  destination_options {
    file_format        = "parquet"
    per_hour_partition = true
  }

  depends_on = [aws_s3_bucket_policy.access_logs]
}
